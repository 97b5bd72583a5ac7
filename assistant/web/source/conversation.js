/** The conversation, on a page of its own or beside another. */

import { Aloud } from "./aloud.js";
import { packed, unpacked } from "./base64.js";
import { button, element } from "./dom.js";
import { forget, keep, restored } from "./keep.js";
import { hush, ready } from "./playback.js";
import { answer, progress, reword, unanswered, utterance } from "./reply.js";
import { commands, job, say, sendFile, signOut, talk as sendTalk, voice } from "./service.js";
import { Talk } from "./talk.js";

const log = document.getElementById("log");
const form = document.getElementById("composer");
const input = document.getElementById("text");
const send = document.getElementById("send");
const attach = document.getElementById("attach");
const file = document.getElementById("file");
const welcome = document.getElementById("welcome");
const trouble = document.getElementById("trouble");

const LOOK = 700;

let conversation = restored(document.body.dataset.user);
let isBusy = false;
let recalled = typed().length;
let draft = "";

const talk = new Talk({ begun, heard: speakAloud, failed: complain });
const aloud = new Aloud(document.body.dataset.user, complain);

function start() {
  conversation.turns.forEach(show);
  if (conversation.turns.length) arrive(log.lastElementChild);
  else greet();
  // Set only now: what was said before the reload is not read out again.
  log.setAttribute("aria-live", "polite");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    speak(input.value);
  });
  input.addEventListener("keydown", recall);
  input.addEventListener("input", quiet);
  document.addEventListener("keydown", (event) => event.key === "Escape" && quiet());
  attach.addEventListener("click", () => file.click());
  file.addEventListener("change", take);
  document.getElementById("new").addEventListener("click", startAnew);
  document.getElementById("sign-out").addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  offerVoice();
}

async function offerVoice() {
  // Where it cannot be asked for now, the button tells on being pressed.
  const facts = await voice().catch(() => null);
  talk.offer(facts);
  aloud.offer(facts);
}

/** Show a turn that is over. */
function show(turn) {
  const said = hear(turn);
  reword(said, wordsOf(turn));
  said.after(outcome(turn, said));
  follow(turn, said.nextElementSibling);
}

/** Add what was said, as far as it is known. */
function hear(turn) {
  if (turn.said) settle();
  const said = utterance(turn.said || "…", turn.isSpoken);
  log.append(said);
  return said;
}

/** What was asked before is no longer to be answered. */
function settle() {
  for (const old of log.querySelectorAll("button.passing")) old.disabled = true;
}

function wordsOf(turn) {
  if (turn.said) return turn.said;
  if (turn.sound) return "(a recording)";
  return turn.reply?.error?.code === "no_speech" ? "(no speech)" : "(not understood)";
}

function outcome(turn, said) {
  if (turn.reply) return told(turn.reply, turn.at);
  const problem = turn.problem ?? {
    message: "The page was left before the answer came.",
    cure: "Try again: the same request is never carried out twice.",
  };
  return unanswered(problem, turn.at, (event) => {
    if (isBusy) return;
    event.target.closest(".message").remove();
    run(turn, said);
  });
}

function told(reply, at) {
  return answer(reply, at, speak, (one, sign) => aloud.read(one, sign));
}

/** Say something, from the input or a button. */
async function speak(words) {
  const text = words.trim();
  if (!text || isBusy) return;
  input.value = draft = "";
  await begin({ said: text });
}

/** Say what was recorded; it is kept until it is answered, so that it can be sent again. */
async function speakAloud(recording) {
  const sound = { type: recording.type, data: await packed(recording) };
  if (!isBusy) await begin({ said: "", isSpoken: true, isAloud: aloud.isWanted(), sound });
}

async function begin(what) {
  const turn = { ...what, key: newKey(), at: new Date().toISOString() };
  conversation.turns.push(turn);
  recalled = typed().length;
  keep(conversation);
  welcome.hidden = true;
  quiet();
  await run(turn, hear(turn));
}

async function run(turn, said) {
  const waiting = working(turn.sound ? "Hearing" : "Working");
  said.after(waiting);
  busy(true);
  arrive(said);
  delete turn.problem;
  let speech = null;
  try {
    speech = await ask(turn);
    conversation.id = turn.reply.conversation_id ?? conversation.id;
  } catch (error) {
    turn.problem = { message: error.message, cure: error.cure ?? "Reload the page and try again." };
  }
  turn.at = new Date().toISOString();
  keep(conversation);
  if (turn.isSpoken) reword(said, wordsOf(turn));
  // Where no words were heard, what was asked still waits.
  if (turn.isSpoken && turn.said) settle();
  waiting.replaceWith(outcome(turn, said));
  follow(turn, said.nextElementSibling);
  busy(false);
  arrive(said);
  if (speech) aloud.playBack(speech, said.nextElementSibling.querySelector(".read"));
  // On a touch screen that would open the keyboard over the answer; who talks goes on talking.
  if (!turn.isSpoken && matchMedia("(pointer: fine)").matches) input.focus({ preventScroll: true });
}

/** Put the reply into the turn; the speech that came with it. */
async function ask(turn) {
  if (!turn.sound) {
    turn.reply = await say(turn.said, conversation.id, turn.key);
    return null;
  }
  const { type, data } = turn.sound;
  const heard = await sendTalk(unpacked(data), type, conversation.id, turn.key, turn.isAloud);
  turn.reply = heard.reply;
  // A reply to a recording that was answered before comes without the transcript.
  turn.said = heard.transcript?.text ?? heard.reply.text;
  recalled = typed().length;
  delete turn.sound;
  return heard.speech;
}

function begun() {
  quiet();
  ready();
}

/** Nothing plays on, and no old trouble is shown, once somebody wants to say something. */
function quiet() {
  hush();
  trouble.replaceChildren();
}

function complain({ message, cure }) {
  trouble.replaceChildren(element("p", { class: "told" }, message), cure ? element("p", { class: "cure" }, cure) : "");
}

function working(word) {
  return element("p", { class: "message assistant working" }, element("span", { class: "dots" }, word));
}

/** Show how far the job of a turn is, and what it comes to. */
async function follow(turn, shownAt) {
  if (!turn.reply?.job_id || turn.reply.status !== "running") return;
  const shown = turn.ended ? null : progress();
  if (shown) shownAt.after(shown.element);
  while (!turn.ended) {
    try {
      const now = await job(turn.reply.job_id);
      shown.show(now);
      if (now.reply) turn.ended = { reply: now.reply, at: now.finished_at };
    } catch (error) {
      shown.show({ progress: 0, message: `${error.message} ${error.cure ?? ""}` });
    }
    if (!turn.ended) await new Promise((resume) => setTimeout(resume, LOOK));
    if (!shownAt.isConnected) return;
  }
  keep(conversation);
  shown?.element.remove();
  shownAt.after(told(turn.ended.reply, turn.ended.at));
}

/** Send the chosen file in, then ask for its import. */
async function take() {
  const [chosen] = file.files;
  file.value = "";
  if (!chosen || isBusy) return;
  const said = hear({ said: `File ${chosen.name}` });
  welcome.hidden = true;
  const waiting = working("Sending");
  said.after(waiting);
  busy(true);
  arrive(said);
  try {
    const kept = await sendFile(chosen);
    busy(false);
    waiting.remove();
    await speak(`import the file ${kept.file}`);
  } catch (error) {
    busy(false);
    waiting.replaceWith(unanswered({ message: error.message, cure: error.cure }, new Date(), () => file.click()));
  }
}

function busy(is) {
  isBusy = is;
  send.disabled = is;
  attach.disabled = is;
  talk.pause(is);
}

function arrive(message) {
  message.scrollIntoView({ block: "start" });
}

/** The arrow keys bring back what was said before. */
function recall(event) {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  const before = typed();
  const next = recalled + (event.key === "ArrowUp" ? -1 : 1);
  if (next < 0 || next > before.length) return;
  event.preventDefault();
  if (recalled === before.length) draft = input.value;
  recalled = next;
  input.value = before[next] ?? draft;
}

/** The words of the turns that have some. */
function typed() {
  return conversation.turns.map((turn) => turn.said).filter(Boolean);
}

async function greet() {
  welcome.hidden = false;
  const suggestions = document.getElementById("suggestions");
  try {
    suggestions.replaceChildren(...offered(await commands()));
  } catch (error) {
    suggestions.replaceChildren(element("p", {}, `${error.message} ${error.cure ?? ""}`));
  }
}

/** The first examples of some commands: those that can be asked about something come first. */
function offered(known) {
  const telling = known.filter((one) => one.permitted && one.suggested);
  return telling.map((one) => button(one.examples[0], () => speak(one.examples[0]), { title: one.summary }));
}

function startAnew() {
  if (isBusy) return;
  quiet();
  talk.cancel();
  forget();
  conversation = restored(document.body.dataset.user);
  recalled = 0;
  log.replaceChildren();
  greet();
  input.focus();
}

async function leave() {
  try {
    await signOut();
  } catch (error) {
    log.append(unanswered({ message: `You are not signed out. ${error.message}`, cure: error.cure }, new Date(), leave));
    return;
  }
  forget();
  location.assign("/");
}

/** A name for a request; browsers have randomUUID only on secure pages. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

start();
