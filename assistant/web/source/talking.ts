/** The button to talk: hold it, or tap it and talk; by pointer or by key. */

import { troubled } from "./asking";
import { type Root, part } from "./dom";
import { Deaf, Pause, type Recording, record } from "./microphone";
import type { Trouble, Voice } from "./model";
import type { Place } from "./place";

// Seconds.
const MOST = 60;
// A recording is a little longer than it was listened to.
const SPARE = 0.5;
const SHORTEST = 0.4;
// Milliseconds.
const TAP = 350;
const LOOK = 50;
// People let go with the last syllable still on their lips.
const TAIL = 250;

const HINTS = matchMedia("(pointer: coarse)").matches
  ? { held: "Listening. Let go when you are done; to cancel, slide to Cancel first.", tapped: "Listening. Tap again when you are done." }
  : { held: "Let go when you are done; Escape cancels.", tapped: "Press again when you are done; Escape cancels." };

interface Now {
  since: number;
  isHeld: boolean;
  isTapped: boolean;
  isOver: boolean;
  isFinishing?: boolean;
  recording: Recording | null;
  timer?: number;
}

/** The button, with what it shows while it listens. */
export class Talk {
  /** The longest recording, in seconds. */
  private most = MOST - SPARE;
  private readonly button: HTMLButtonElement;
  private readonly strip: HTMLElement;
  private readonly stage: HTMLElement;
  private readonly clock: HTMLElement;
  private readonly hint: HTMLElement;
  private readonly ears: HTMLElement;
  private now: Now | null = null;
  private key: string | null = null;
  private isPaused = false;

  /** `begun` is called when somebody wants to talk, `heard` with a recording (Blob), `failed` with a `Deaf`. */
  constructor(
    private readonly place: Place,
    private readonly begun: () => void,
    private readonly heard: (recording: Blob) => void,
    private readonly failed: (trouble: Trouble) => void,
  ) {
    const { root } = place;
    this.button = part<HTMLButtonElement>(root, "talk");
    this.strip = part(root, "listening");
    this.stage = part(root, "listening-stage");
    this.clock = part(root, "listening-time");
    this.hint = part(root, "listening-hint");
    this.ears = part(root, "ears");
    this.followPointer();
    this.followKeys();
    part(root, "listening-cancel").addEventListener("click", () => this.cancel());
    // Whoever looks elsewhere lets go elsewhere, and the page is not told.
    window.addEventListener("blur", () => this.lose());
  }

  /** Show what the service hears; null where it did not tell. */
  offer(facts: Voice | null): void {
    this.button.hidden = false;
    this.most = (facts?.most_seconds ?? MOST) - SPARE;
    if (facts && !facts.ears) {
      this.button.disabled = true;
      this.button.title = facts.notes.join(" ") || "The assistant has no ears here.";
    }
    this.ears.hidden = !facts?.ears;
    this.ears.textContent = facts?.ears ? `Hears: ${facts.told}` : "";
    this.ears.title = facts?.notes.join(" ") ?? "";
  }

  /** Take no talk for now (true), or take it again; what is being said is dropped. */
  pause(is: boolean): void {
    this.isPaused = is;
    this.button.setAttribute("aria-disabled", String(is));
    if (is) this.cancel();
  }

  /** Drop what is being said. */
  cancel(): void {
    const { now } = this;
    if (!now) return;
    now.recording?.cancel();
    this.end(now);
  }

  private followPointer(): void {
    const { button } = this;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      this.press();
    });
    button.addEventListener("pointerup", (event) => {
      const under = this.place.root.elementFromPoint(event.clientX, event.clientY);
      if (under?.closest("#listening-cancel")) this.cancel();
      else this.letGo();
    });
    button.addEventListener("pointercancel", () => this.letGo());
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("click", (event) => {
      // No pointer: a screen reader or another aid presses the button.
      if (event.detail !== 0) return;
      this.press();
      this.letGo();
    });
  }

  private followKeys(): void {
    listen(this.place.root, "keydown", (event) => {
      if (event.key === "Escape") this.cancel();
      if (!this.isTalkKey(event)) return;
      event.preventDefault();
      if (event.repeat || this.key) return;
      this.key = event.code;
      this.press();
    });
    listen(this.place.root, "keyup", (event) => {
      if (event.target === this.button && event.code === "Space") event.preventDefault();
      if (!this.key || (event.code !== this.key && event.key !== "Control")) return;
      event.preventDefault();
      this.key = null;
      this.letGo();
    });
  }

  private isTalkKey(event: KeyboardEvent): boolean {
    if (event.altKey || event.metaKey || event.shiftKey) return false;
    if (event.ctrlKey) return event.code === "Space";
    return event.target === this.button && (event.key === " " || event.key === "Enter");
  }

  private press(): void {
    const { now } = this;
    if (now?.isTapped && now.recording) this.finish(now, TAIL);
    else if (!now && !this.isPaused && !this.button.disabled && !this.button.hidden) this.begin();
  }

  private letGo(): void {
    const { now } = this;
    if (!now?.isHeld) return;
    now.isHeld = false;
    now.isTapped = performance.now() - now.since < TAP;
    if (now.isTapped) this.hint.textContent = HINTS.tapped;
    else if (now.recording) this.finish(now, TAIL);
  }

  private lose(): void {
    this.key = null;
    this.letGo();
  }

  private async begin(): Promise<void> {
    const now: Now = { since: performance.now(), isHeld: true, isTapped: false, isOver: false, recording: null };
    this.now = now;
    this.begun();
    this.show("One moment", "");
    let recording: Recording;
    try {
      recording = await record();
    } catch (error) {
      this.end(now);
      this.failed(troubled(error));
      return;
    }
    if (now.isOver) {
      recording.cancel();
    } else if (now.isHeld || now.isTapped) {
      now.recording = recording;
      this.listen(now, recording);
    } else {
      // Let go before it was open: the browser asked for leave, or a slow device was woken.
      recording.cancel();
      this.end(now);
      this.failed(new Deaf("The microphone is ready now.", "Hold the button while you speak."));
    }
  }

  private listen(now: Now, recording: Recording): void {
    const pause = new Pause();
    this.show("Listening", now.isTapped ? HINTS.tapped : HINTS.held);
    this.button.setAttribute("aria-pressed", "true");
    const look = () => {
      const { seconds } = recording;
      const loudness = recording.loudness();
      this.draw(seconds, loudness);
      const isSilent = pause.isOver(loudness, seconds);
      if (recording.isOver || seconds >= this.most || (now.isTapped && isSilent)) this.finish(now, 0);
    };
    look();
    now.timer = window.setInterval(look, LOOK);
  }

  private async finish(now: Now, tail: number): Promise<void> {
    const { recording } = now;
    if (now.isFinishing || !recording) return;
    now.isFinishing = true;
    const { seconds } = recording;
    await new Promise((resume) => setTimeout(resume, tail));
    if (now.isOver) return;
    const sound = await recording.stop();
    if (now.isOver) return;
    this.end(now);
    if (seconds >= SHORTEST && sound.size) this.heard(sound);
    else this.failed(new Deaf("That was too short.", "Hold the button while you speak, or tap it, speak, and tap again."));
  }

  private end(now: Now): void {
    now.isOver = true;
    clearInterval(now.timer);
    this.now = null;
    this.strip.hidden = true;
    this.stage.textContent = "";
    this.hint.hidden = true;
    this.button.setAttribute("aria-pressed", "false");
    this.place.home.classList.remove("is-listening");
  }

  private show(stage: string, hint: string): void {
    // Shown first: what changes in a hidden place is not read out.
    this.strip.hidden = false;
    this.stage.textContent = stage;
    this.hint.textContent = hint;
    this.clock.textContent = "";
    this.hint.hidden = !hint;
    this.place.home.classList.add("is-listening");
  }

  private draw(seconds: number, loudness: number): void {
    const whole = Math.floor(seconds);
    this.clock.textContent = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
    // From a quiet room to a voice close by.
    const level = Math.min(1, Math.max(0, (loudness + 60) / 50));
    this.place.home.style.setProperty("--level", level.toFixed(2));
  }
}

function listen(root: Root, name: "keydown" | "keyup", obey: (event: KeyboardEvent) => void): void {
  root.addEventListener(name, (event) => obey(event as KeyboardEvent));
}
