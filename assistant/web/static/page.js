/** The conversation page. */

import { button, element } from "./dom.js";
import { forget, keep, restored } from "./keep.js";
import { answer, progress, unanswered, utterance } from "./reply.js";
import { commands, job, say, sendFile, signOut } from "./service.js";


const log = document.getElementById("log");
const form = document.getElementById("composer");
const input = document.getElementById("text");
const send = document.getElementById("send");
const attach = document.getElementById("attach");
const file = document.getElementById("file");
const welcome = document.getElementById("welcome");

const LOOK = 700;

let conversation = restored(document.body.dataset.user);
let isBusy = false;
let recalled = conversation.turns.length;
let draft = "";

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
  attach.addEventListener("click", () => file.click());
  file.addEventListener("change", take);
  document.getElementById("new").addEventListener("click", startAnew);
  document.getElementById("sign-out").addEventListener("click", leave);
}

/** Show a turn that is over. */
function show(turn) {
  const said = hear(turn.said);
  said.after(outcome(turn, said));
  follow(turn, said.nextElementSibling);
}

/** Add what was said; what was asked before is no longer to be answered. */
function hear(text) {
  for (const old of log.querySelectorAll("button.passing")) old.disabled = true;
  const said = utterance(text);
  log.append(said);
  return said;
}

function outcome(turn, said) {
  if (turn.reply) return answer(turn.reply, turn.at, speak);
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

/** Say something, from the input or a button. */
async function speak(words) {
  const text = words.trim();
  if (!text || isBusy) return;
  const turn = { said: text, key: newKey(), at: new Date().toISOString() };
  conversation.turns.push(turn);
  recalled = conversation.turns.length;
  keep(conversation);
  welcome.hidden = true;
  input.value = draft = "";
  await run(turn, hear(text));
}

async function run(turn, said) {
  const waiting = element("p", { class: "message assistant working" }, element("span", { class: "dots" }, "Working"));
  said.after(waiting);
  busy(true);
  arrive(said);
  delete turn.problem;
  try {
    turn.reply = await say(turn.said, conversation.id, turn.key);
    conversation.id = turn.reply.conversation_id;
  } catch (error) {
    turn.problem = { message: error.message, cure: error.cure ?? "Reload the page and try again." };
  }
  turn.at = new Date().toISOString();
  keep(conversation);
  waiting.replaceWith(outcome(turn, said));
  follow(turn, said.nextElementSibling);
  busy(false);
  arrive(said);
  // On a touch screen that would open the keyboard over the answer.
  if (matchMedia("(pointer: fine)").matches) input.focus({ preventScroll: true });
}

/** Show how far the job of a turn is, and what it comes to. */
async function follow(turn, told) {
  if (!turn.reply?.job_id || turn.reply.status !== "running") return;
  const shown = turn.ended ? null : progress();
  if (shown) told.after(shown.element);
  while (!turn.ended) {
    try {
      const now = await job(turn.reply.job_id);
      shown.show(now);
      if (now.reply) turn.ended = { reply: now.reply, at: now.finished_at };
    } catch (error) {
      shown.show({ progress: 0, message: `${error.message} ${error.cure ?? ""}` });
    }
    if (!turn.ended) await new Promise((resume) => setTimeout(resume, LOOK));
    if (!told.isConnected) return;
  }
  keep(conversation);
  shown?.element.remove();
  told.after(answer(turn.ended.reply, turn.ended.at, speak));
}

/** Send the chosen file in, then ask for its import. */
async function take() {
  const [chosen] = file.files;
  file.value = "";
  if (!chosen || isBusy) return;
  const said = hear(`File ${chosen.name}`);
  welcome.hidden = true;
  const waiting = element("p", { class: "message assistant working" }, element("span", { class: "dots" }, "Sending"));
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
}

function arrive(message) {
  message.scrollIntoView({ block: "start" });
}

/** The arrow keys bring back what was said before. */
function recall(event) {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  const next = recalled + (event.key === "ArrowUp" ? -1 : 1);
  if (next < 0 || next > conversation.turns.length) return;
  event.preventDefault();
  if (recalled === conversation.turns.length) draft = input.value;
  recalled = next;
  input.value = conversation.turns[next]?.said ?? draft;
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
