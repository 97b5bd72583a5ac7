/** The conversation: on a page of its own, beside another, or in a widget. */

import { Aloud } from "./aloud";
import { troubled } from "./asking";
import { packed, unpacked } from "./base64";
import { button, element, part } from "./dom";
import { type Conversation, type Turn, forget, keep, restored } from "./keep";
import type { Reply, Sound, Trouble } from "./model";
import type { Place, Port } from "./place";
import { hush, ready } from "./playback";
import { answer, progress, reword, unanswered, utterance } from "./reply";
import { Talk } from "./talking";

const LOOK = 700;

export class Conversing {
  /** Told when a turn begins and ends. */
  onBusy: (is: boolean) => void = () => {};
  private readonly log: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly sending: HTMLButtonElement;
  private readonly welcome: HTMLElement;
  private readonly trouble: HTMLElement;
  private readonly talk: Talk;
  private readonly aloud: Aloud;
  private conversation: Conversation;
  private isBusy = false;
  private recalled: number;
  private draft = "";

  /** Go on with what is kept of the place's conversation; its elements are there already. */
  constructor(
    private readonly place: Place,
    private readonly port: Port,
  ) {
    const { root } = place;
    this.log = part(root, "log");
    this.input = part<HTMLInputElement>(root, "text");
    this.sending = part<HTMLButtonElement>(root, "send");
    this.welcome = part(root, "welcome");
    this.trouble = part(root, "trouble");
    this.conversation = restored(place.name, place.user);
    this.recalled = this.typed().length;
    this.talk = new Talk(
      place,
      () => this.begun(),
      (recording) => this.speakAloud(recording),
      (trouble) => this.complain(trouble),
    );
    this.aloud = new Aloud(place, port, (trouble) => this.complain(trouble));
    this.start();
  }

  private start(): void {
    const { root } = this.place;
    this.conversation.turns.forEach((turn) => this.show(turn));
    if (this.conversation.turns.length) this.arrive(this.log.lastElementChild);
    else this.greet();
    // Set only now: what was said before the reload is not read out again.
    this.log.setAttribute("aria-live", "polite");
    part(root, "composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.speak(this.input.value);
    });
    this.input.addEventListener("keydown", (event) => this.recall(event));
    this.input.addEventListener("input", () => this.quiet());
    root.addEventListener("keydown", (event) => (event as KeyboardEvent).key === "Escape" && this.quiet());
    part(root, "new").addEventListener("click", () => this.startAnew());
    this.offerVoice();
  }

  private async offerVoice(): Promise<void> {
    // Where it cannot be asked for now, the button tells on being pressed.
    const facts = await this.port.voice().catch(() => null);
    this.talk.offer(facts);
    this.aloud.offer(facts);
  }

  /** Show a turn that is over. */
  private show(turn: Turn): void {
    const said = this.hear(turn);
    reword(said, wordsOf(turn));
    said.after(this.outcome(turn, said));
    this.follow(turn, said.nextElementSibling);
  }

  /** Add what was said, as far as it is known. */
  private hear(turn: Pick<Turn, "said" | "isSpoken">): HTMLElement {
    if (turn.said) this.settle();
    const said = utterance(turn.said || "…", turn.isSpoken);
    this.log.append(said);
    return said;
  }

  /** What was asked before is no longer to be answered. */
  private settle(): void {
    for (const old of this.log.querySelectorAll<HTMLButtonElement>("button.passing")) old.disabled = true;
  }

  private outcome(turn: Turn, said: HTMLElement): HTMLElement {
    if (turn.reply) return this.told(turn.reply, turn.at);
    const problem = turn.problem ?? {
      message: "The page was left before the answer came.",
      cure: "Try again: the same request is never carried out twice.",
    };
    return unanswered(problem, turn.at, (event) => {
      if (this.isBusy) return;
      (event.target as Element).closest(".message")?.remove();
      this.run(turn, said);
    });
  }

  private told(reply: Reply, at: string | undefined): HTMLElement {
    return answer(
      reply,
      at,
      (words) => this.speak(words),
      (one, sign) => this.aloud.read(one, sign),
    );
  }

  /** Say something, from the input or a button. */
  async speak(words: string): Promise<void> {
    const text = words.trim();
    if (!text || this.isBusy) return;
    this.input.value = this.draft = "";
    await this.begin({ said: text });
  }

  /** Say what was recorded; it is kept until it is answered, so that it can be sent again. */
  private async speakAloud(recording: Blob): Promise<void> {
    const sound = { type: recording.type, data: await packed(recording) };
    if (!this.isBusy) await this.begin({ said: "", isSpoken: true, isAloud: this.aloud.isWanted(), sound });
  }

  private async begin(what: Omit<Turn, "key" | "at">): Promise<void> {
    const turn: Turn = { ...what, key: newKey(), at: new Date().toISOString() };
    this.conversation.turns.push(turn);
    this.recalled = this.typed().length;
    this.keep();
    this.welcome.hidden = true;
    this.quiet();
    await this.run(turn, this.hear(turn));
  }

  private async run(turn: Turn, said: HTMLElement): Promise<void> {
    const waiting = working(turn.sound ? "Hearing" : "Working");
    said.after(waiting);
    this.busy(true);
    this.arrive(said);
    delete turn.problem;
    let speech: Sound | null = null;
    try {
      speech = await this.ask(turn, (piece) => stream(waiting, piece));
      this.conversation.id = turn.reply?.conversation_id ?? this.conversation.id;
    } catch (error) {
      const { message, cure } = troubled(error);
      turn.problem = { message, cure: cure ?? "Reload the page and try again." };
    }
    turn.at = new Date().toISOString();
    this.keep();
    if (turn.isSpoken) reword(said, wordsOf(turn));
    // Where no words were heard, what was asked still waits.
    if (turn.isSpoken && turn.said) this.settle();
    waiting.replaceWith(this.outcome(turn, said));
    this.follow(turn, said.nextElementSibling);
    this.busy(false);
    this.arrive(said);
    if (speech) this.aloud.playBack(speech, said.nextElementSibling?.querySelector(".read") ?? null);
    // On a touch screen that would open the keyboard over the answer; who talks goes on talking.
    if (!turn.isSpoken && matchMedia("(pointer: fine)").matches) this.input.focus({ preventScroll: true });
  }

  /** Put the reply into the turn; the speech that came with it. */
  private async ask(turn: Turn, told: (piece: string) => void): Promise<Sound | null> {
    if (!turn.sound) {
      turn.reply = await this.port.say(turn.said, this.conversation.id, turn.key, told);
      return null;
    }
    const { type, data } = turn.sound;
    const heard = await this.port.talk(unpacked(data), type, this.conversation.id, turn.key, turn.isAloud === true);
    turn.reply = heard.reply;
    // A reply to a recording that was answered before comes without the transcript.
    turn.said = heard.transcript?.text ?? heard.reply.text;
    this.recalled = this.typed().length;
    delete turn.sound;
    return heard.speech;
  }

  private begun(): void {
    this.quiet();
    ready();
  }

  /** Nothing plays on, and no old trouble is shown, once somebody wants to say something. */
  private quiet(): void {
    hush();
    this.trouble.replaceChildren();
  }

  private complain({ message, cure }: Trouble): void {
    this.trouble.replaceChildren(element("p", { class: "told" }, message), cure ? element("p", { class: "cure" }, cure) : "");
  }

  /** Show how far the job of a turn is, and what it comes to. */
  private async follow(turn: Turn, shownAt: Element | null): Promise<void> {
    const id = turn.reply?.job_id;
    if (!id || !shownAt || !turn.reply || turn.reply.status !== "running") return;
    const shown = turn.ended ? null : progress();
    if (shown) shownAt.after(shown.element);
    while (!turn.ended) {
      try {
        const now = await this.port.job(id);
        shown?.show(now);
        if (now.reply) turn.ended = { reply: now.reply, at: now.finished_at ?? new Date().toISOString() };
      } catch (error) {
        const { message, cure } = troubled(error);
        shown?.show({ progress: 0, message: `${message} ${cure ?? ""}` });
      }
      if (!turn.ended) await new Promise((resume) => setTimeout(resume, LOOK));
      if (!shownAt.isConnected) return;
    }
    this.keep();
    shown?.element.remove();
    shownAt.after(this.told(turn.ended.reply, turn.ended.at));
  }

  /** Send something in, shown as `said`; then say the words it gives, or offer to try `again`. */
  async send(said: string, sent: () => Promise<string>, again: () => void): Promise<void> {
    if (this.isBusy) return;
    const shown = this.hear({ said });
    this.welcome.hidden = true;
    const waiting = working("Sending");
    shown.after(waiting);
    this.busy(true);
    this.arrive(shown);
    try {
      const words = await sent();
      this.busy(false);
      waiting.remove();
      await this.speak(words);
    } catch (error) {
      this.busy(false);
      waiting.replaceWith(unanswered(troubled(error), new Date(), again));
    }
  }

  /** Tell of a trouble in the conversation itself. */
  tell(trouble: Trouble, again: () => void): void {
    this.log.append(unanswered(trouble, new Date(), again));
  }

  /** Drop what is being said aloud, and hush. */
  rest(): void {
    this.talk.cancel();
    this.quiet();
  }

  /** Forget what is kept. */
  forget(): void {
    forget(this.place.name);
  }

  private keep(): void {
    keep(this.place.name, this.conversation);
  }

  private busy(is: boolean): void {
    this.isBusy = is;
    this.sending.disabled = is;
    this.talk.pause(is);
    this.onBusy(is);
  }

  private arrive(message: Element | null): void {
    if (message) this.place.arrive(message);
  }

  /** The arrow keys bring back what was said before. */
  private recall(event: KeyboardEvent): void {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    const before = this.typed();
    const next = this.recalled + (event.key === "ArrowUp" ? -1 : 1);
    if (next < 0 || next > before.length) return;
    event.preventDefault();
    if (this.recalled === before.length) this.draft = this.input.value;
    this.recalled = next;
    this.input.value = before[next] ?? this.draft;
  }

  /** The words of the turns that have some. */
  private typed(): string[] {
    return this.conversation.turns.map((turn) => turn.said).filter(Boolean);
  }

  private async greet(): Promise<void> {
    this.welcome.hidden = false;
    const suggestions = part(this.place.root, "suggestions");
    try {
      const offers = await this.port.offers();
      suggestions.replaceChildren(...offers.map(({ say, summary }) => button(say, () => this.speak(say), { title: summary })));
    } catch (error) {
      suggestions.replaceChildren(element("p", {}, `${troubled(error).message} ${troubled(error).cure ?? ""}`));
    }
  }

  private startAnew(): void {
    if (this.isBusy) return;
    this.rest();
    this.forget();
    this.conversation = restored(this.place.name, this.place.user);
    this.recalled = 0;
    this.log.replaceChildren();
    this.greet();
    this.input.focus();
  }
}

function wordsOf(turn: Turn): string {
  if (turn.said) return turn.said;
  if (turn.sound) return "(a recording)";
  return turn.reply?.error?.code === "no_speech" ? "(no speech)" : "(not understood)";
}

function working(word: string): HTMLElement {
  return element("p", { class: "message assistant working" }, element("span", { class: "dots" }, word));
}

/** Add a piece of the answer to where it is waited for; it is read out once it is whole. */
function stream(waiting: HTMLElement, piece: string): void {
  if (waiting.classList.replace("working", "streaming")) {
    waiting.setAttribute("aria-hidden", "true");
    waiting.replaceChildren();
  }
  waiting.append(piece);
}

/** A name for a request, as UUIDs are written; browsers have randomUUID only on secure pages. */
function newKey(): string {
  const digits = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
