/** The conversation, on a page of its own or beside another. */

import { Aloud } from "./aloud";
import { packed, unpacked } from "./base64";
import { button, element, part } from "./dom";
import { type Turn, forget, keep, restored } from "./keep";
import type { Command, Reply, Sound, Trouble } from "./model";
import { hush, ready } from "./playback";
import { answer, progress, reword, unanswered, utterance } from "./reply";
import { commands, job, say, sendFile, signOut, talk as sendTalk, troubled, voice } from "./service";
import { Talk } from "./talking";

const log = part("log");
const form = part<HTMLFormElement>("composer");
const input = part<HTMLInputElement>("text");
const send = part<HTMLButtonElement>("send");
const attach = part<HTMLButtonElement>("attach");
const file = part<HTMLInputElement>("file");
const welcome = part("welcome");
const trouble = part("trouble");

const LOOK = 700;
const USER = document.body.dataset.user ?? "";

let conversation = restored(USER);
let isBusy = false;
let recalled = typed().length;
let draft = "";

const talk = new Talk(begun, speakAloud, complain);
const aloud = new Aloud(USER, complain);

function start(): void {
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
  part("new").addEventListener("click", startAnew);
  part("sign-out").addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  offerVoice();
}

async function offerVoice(): Promise<void> {
  // Where it cannot be asked for now, the button tells on being pressed.
  const facts = await voice().catch(() => null);
  talk.offer(facts);
  aloud.offer(facts);
}

/** Show a turn that is over. */
function show(turn: Turn): void {
  const said = hear(turn);
  reword(said, wordsOf(turn));
  said.after(outcome(turn, said));
  follow(turn, said.nextElementSibling);
}

/** Add what was said, as far as it is known. */
function hear(turn: Pick<Turn, "said" | "isSpoken">): HTMLElement {
  if (turn.said) settle();
  const said = utterance(turn.said || "…", turn.isSpoken);
  log.append(said);
  return said;
}

/** What was asked before is no longer to be answered. */
function settle(): void {
  for (const old of log.querySelectorAll<HTMLButtonElement>("button.passing")) old.disabled = true;
}

function wordsOf(turn: Turn): string {
  if (turn.said) return turn.said;
  if (turn.sound) return "(a recording)";
  return turn.reply?.error?.code === "no_speech" ? "(no speech)" : "(not understood)";
}

function outcome(turn: Turn, said: HTMLElement): HTMLElement {
  if (turn.reply) return told(turn.reply, turn.at);
  const problem = turn.problem ?? {
    message: "The page was left before the answer came.",
    cure: "Try again: the same request is never carried out twice.",
  };
  return unanswered(problem, turn.at, (event) => {
    if (isBusy) return;
    (event.target as Element).closest(".message")?.remove();
    run(turn, said);
  });
}

function told(reply: Reply, at: string | undefined): HTMLElement {
  return answer(reply, at, speak, (one, sign) => aloud.read(one, sign));
}

/** Say something, from the input or a button. */
async function speak(words: string): Promise<void> {
  const text = words.trim();
  if (!text || isBusy) return;
  input.value = draft = "";
  await begin({ said: text });
}

/** Say what was recorded; it is kept until it is answered, so that it can be sent again. */
async function speakAloud(recording: Blob): Promise<void> {
  const sound = { type: recording.type, data: await packed(recording) };
  if (!isBusy) await begin({ said: "", isSpoken: true, isAloud: aloud.isWanted(), sound });
}

async function begin(what: Omit<Turn, "key" | "at">): Promise<void> {
  const turn: Turn = { ...what, key: newKey(), at: new Date().toISOString() };
  conversation.turns.push(turn);
  recalled = typed().length;
  keep(conversation);
  welcome.hidden = true;
  quiet();
  await run(turn, hear(turn));
}

async function run(turn: Turn, said: HTMLElement): Promise<void> {
  const waiting = working(turn.sound ? "Hearing" : "Working");
  said.after(waiting);
  busy(true);
  arrive(said);
  delete turn.problem;
  let speech: Sound | null = null;
  try {
    speech = await ask(turn);
    conversation.id = turn.reply?.conversation_id ?? conversation.id;
  } catch (error) {
    const { message, cure } = troubled(error);
    turn.problem = { message, cure: cure ?? "Reload the page and try again." };
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
  if (speech) aloud.playBack(speech, said.nextElementSibling?.querySelector(".read") ?? null);
  // On a touch screen that would open the keyboard over the answer; who talks goes on talking.
  if (!turn.isSpoken && matchMedia("(pointer: fine)").matches) input.focus({ preventScroll: true });
}

/** Put the reply into the turn; the speech that came with it. */
async function ask(turn: Turn): Promise<Sound | null> {
  if (!turn.sound) {
    turn.reply = await say(turn.said, conversation.id, turn.key);
    return null;
  }
  const { type, data } = turn.sound;
  const heard = await sendTalk(unpacked(data), type, conversation.id, turn.key, turn.isAloud === true);
  turn.reply = heard.reply;
  // A reply to a recording that was answered before comes without the transcript.
  turn.said = heard.transcript?.text ?? heard.reply.text;
  recalled = typed().length;
  delete turn.sound;
  return heard.speech;
}

function begun(): void {
  quiet();
  ready();
}

/** Nothing plays on, and no old trouble is shown, once somebody wants to say something. */
function quiet(): void {
  hush();
  trouble.replaceChildren();
}

function complain({ message, cure }: Trouble): void {
  trouble.replaceChildren(element("p", { class: "told" }, message), cure ? element("p", { class: "cure" }, cure) : "");
}

function working(word: string): HTMLElement {
  return element("p", { class: "message assistant working" }, element("span", { class: "dots" }, word));
}

/** Show how far the job of a turn is, and what it comes to. */
async function follow(turn: Turn, shownAt: Element | null): Promise<void> {
  const id = turn.reply?.job_id;
  if (!id || !shownAt || !turn.reply || turn.reply.status !== "running") return;
  const shown = turn.ended ? null : progress();
  if (shown) shownAt.after(shown.element);
  while (!turn.ended) {
    try {
      const now = await job(id);
      shown?.show(now);
      if (now.reply) turn.ended = { reply: now.reply, at: now.finished_at ?? new Date().toISOString() };
    } catch (error) {
      const { message, cure } = troubled(error);
      shown?.show({ progress: 0, message: `${message} ${cure ?? ""}` });
    }
    if (!turn.ended) await new Promise((resume) => setTimeout(resume, LOOK));
    if (!shownAt.isConnected) return;
  }
  keep(conversation);
  shown?.element.remove();
  shownAt.after(told(turn.ended.reply, turn.ended.at));
}

/** Send the chosen file in, then ask for its import. */
async function take(): Promise<void> {
  const [chosen] = file.files ?? [];
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
    waiting.replaceWith(unanswered(troubled(error), new Date(), () => file.click()));
  }
}

function busy(is: boolean): void {
  isBusy = is;
  send.disabled = is;
  attach.disabled = is;
  talk.pause(is);
}

function arrive(message: Element | null): void {
  message?.scrollIntoView({ block: "start" });
}

/** The arrow keys bring back what was said before. */
function recall(event: KeyboardEvent): void {
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
function typed(): string[] {
  return conversation.turns.map((turn) => turn.said).filter(Boolean);
}

async function greet(): Promise<void> {
  welcome.hidden = false;
  const suggestions = part("suggestions");
  try {
    suggestions.replaceChildren(...offered(await commands()));
  } catch (error) {
    suggestions.replaceChildren(element("p", {}, `${troubled(error).message} ${troubled(error).cure ?? ""}`));
  }
}

/** The first examples of some commands: those that can be asked about something come first. */
function offered(known: Command[]): HTMLElement[] {
  const telling = known.filter((one) => one.permitted && one.suggested);
  return telling.map(({ examples: [first = ""], summary }) => button(first, () => speak(first), { title: summary }));
}

function startAnew(): void {
  if (isBusy) return;
  quiet();
  talk.cancel();
  forget();
  conversation = restored(USER);
  recalled = 0;
  log.replaceChildren();
  greet();
  input.focus();
}

async function leave(): Promise<void> {
  try {
    await signOut();
  } catch (error) {
    log.append(unanswered({ ...troubled(error), message: `You are not signed out. ${troubled(error).message}` }, new Date(), leave));
    return;
  }
  forget();
  location.assign("/");
}

/** A name for a request; browsers have randomUUID only on secure pages. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

start();
