/** Shows a reply: its text, chart, table, what could be said next, and where its numbers come from. */

import { figure } from "./chart";
import { type Attributes, button, drawn, element } from "./dom";

import type { Evidence, Job, Reply, Table, Telling, Trouble } from "./model";

type Say = (words: string) => void;
type Read = (reply: Reply, sign: HTMLElement) => void;
type When = string | Date | undefined;

const ASKS = new Set(["question", "confirm", "approval"]);
const MANNERS: Record<string, string> = { refused: "refused", unknown: "unknown", failed: "failed" };

/** What the assistant answered; `say` is called with the text of a pressed button, `read` with the button to read it aloud. */
export function answer(reply: Reply, at: When, say: Say, read: Read): HTMLElement {
  const manner = ASKS.has(reply.status) ? "asks" : (MANNERS[reply.status] ?? "");
  const told = reply.reply;
  return element(
    "article",
    { class: `message assistant ${manner}`, "data-status": reply.status },
    element("span", { class: "unseen" }, "Assistant:"),
    ...words(reply),
    told.chart && figure(told.chart),
    told.table && table(told.table),
    offers(told, reply.status, say),
    why(told.evidence),
    stamp(at, reply.status, aloud(reply, read)),
  );
}

/** What there is of a reply for the ear. */
export function spokenText(reply: Reply): string {
  return reply.reply.speech || reply.reply.text;
}

/** That no answer came, and what helps. */
export function unanswered(problem: Trouble, at: When, again: (event: MouseEvent) => void): HTMLElement {
  return element(
    "article",
    { class: "message assistant unanswered" },
    element("span", { class: "unseen" }, "Assistant:"),
    element("p", { class: "told" }, problem.message),
    problem.cure ? element("p", { class: "cure" }, problem.cure) : null,
    element("div", { class: "offers" }, button("Try again", again)),
    stamp(at, "not answered"),
  );
}

/** How far a job is: its element, and what shows a new state of it. */
export function progress(): { element: HTMLElement; show: (job: Pick<Job, "progress" | "message">) => void } {
  const bar = element("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const message = element("span", { class: "stage" }, "waiting");
  const show = (job: Pick<Job, "progress" | "message">) => {
    bar.value = Number(job.progress);
    message.textContent = job.message;
  };
  return { element: element("p", { class: "message assistant progress", role: "status" }, bar, message), show };
}

/** What the person said; `isSpoken` marks it as heard. */
export function utterance(text: string, isSpoken = false): HTMLElement {
  if (!isSpoken) return element("div", { class: "message user" }, element("span", { class: "unseen" }, "You: "), text);
  return element("div", { class: "message user spoken" }, icon("talk"), element("span", { class: "unseen" }, "You, spoken: "), text);
}

/** Put other words into what the person said. */
export function reword(said: Element, text: string): void {
  if (said.lastChild) said.lastChild.textContent = text;
}

function icon(name: string, attributes: Attributes = {}): SVGElement {
  return drawn("svg", { class: "drawn", "aria-hidden": "true", ...attributes }, drawn("use", { href: `#icon-${name}` }));
}

function words(reply: Reply): (HTMLElement | null)[] {
  if (!reply.error) return [element("p", { class: "told" }, reply.reply.text)];
  const { message, cure } = reply.error;
  return [
    element("p", { class: "told" }, message),
    cure ? element("p", { class: "cure" }, cure) : null,
  ];
}

function aloud(reply: Reply, read: Read): HTMLElement | null {
  if (!spokenText(reply)) return null;
  const made = element(
    "button",
    { type: "button", class: "quiet icon read", "aria-label": "Read aloud", "aria-pressed": "false", title: "Read aloud" },
    icon("stop", { class: "drawn if-pressed" }),
    icon("loud", { class: "drawn unless-pressed" }),
  );
  made.addEventListener("click", () => read(reply, made));
  return made;
}

function stamp(at: When, status: string, more: HTMLElement | null = null): HTMLElement {
  const moment = at === undefined ? new Date() : new Date(at);
  const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return element(
    "p",
    { class: "stamp" },
    element("time", { datetime: moment.toISOString() }, time),
    element("span", { class: "status" }, status),
    more,
  );
}

/** Choices and buttons; those that answer a question are good only until something else is said. */
function offers(told: Telling, status: string, say: Say): HTMLElement | null {
  const passing = ASKS.has(status) ? "passing" : "";
  const choices = told.choices.map((choice) => button(choice, () => say(choice), { class: `choice ${passing}` }));
  const buttons = told.buttons.map((one) => button(one.label, () => say(one.say), { class: passing, title: one.say }));
  if (!choices.length && !buttons.length) return null;
  return element("div", { class: "offers" }, ...choices, ...buttons);
}

function table(data: Table): HTMLElement | null {
  if (!data.rows.length) return null;
  const kinds = data.columns.map((column) => (column.numeric ? "numeric" : null));
  const heads = data.columns.map((column, index) =>
    element("th", { scope: "col", class: kinds[index] }, column.label),
  );
  const rows = data.rows.map((row) => {
    const cells = row.map((cell, index) =>
      index ? element("td", { class: kinds[index] }, cell) : element("th", { scope: "row", class: kinds[0] }, cell),
    );
    return element("tr", {}, ...cells);
  });
  return element(
    "div",
    { class: "wide", role: "region", tabindex: 0, "aria-label": data.title || "Table" },
    element(
      "table",
      {},
      data.title ? element("caption", {}, data.title) : null,
      element("thead", {}, element("tr", {}, ...heads)),
      element("tbody", {}, ...rows),
    ),
  );
}

function why(evidence: Evidence[]): HTMLElement | null {
  if (!evidence.length) return null;
  const parts = groups(evidence).flatMap((group) => [
    element("div", { class: "claims" }, ...group.map(claim)),
    ...group.slice(0, 1).map(basis),
  ]);
  return element("details", { class: "why" }, element("summary", {}, "Why?"), ...parts);
}

/** Neighbours that rest on the same records are told together. */
function groups(evidence: Evidence[]): Evidence[][] {
  const found: Evidence[][] = [];
  let last = "";
  for (const one of evidence) {
    const { data, rows, period, fresh_until, assumptions } = one;
    const ground = JSON.stringify([data, rows, period, fresh_until, assumptions]);
    if (ground === last) found.at(-1)?.push(one);
    else found.push([one]);
    last = ground;
  }
  return found;
}

function claim(one: Evidence): HTMLElement {
  const worked = one.calculation ? `${one.formula} = ${one.calculation}` : one.formula;
  return element("div", {}, element("p", { class: "claim" }, one.claim), element("p", { class: "formula" }, worked));
}

function basis(one: Evidence): HTMLElement {
  const facts: [string, string | null][] = [
    ["Data", one.data],
    ["Rows", one.rows === null ? null : one.rows.toLocaleString("en")],
    ["Period", one.period && `${one.period.start} to ${one.period.end}`],
    ["Fresh until", one.fresh_until],
    ...one.assumptions.map((assumption): [string, string] => ["Assumed", assumption]),
  ];
  const told = facts.filter(([, value]) => value).flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]);
  return element("dl", { class: "basis" }, ...told);
}
