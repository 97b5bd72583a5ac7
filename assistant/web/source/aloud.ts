/** Answers aloud: whether a person wants them, and reading one. */

import { unpacked } from "./base64";
import { wantsSpeech, wishSpeech } from "./keep";
import { hush, play, ready } from "./playback";
import { spokenText } from "./reply";
import { part } from "./dom";
import type { Place, Port } from "./place";
import type { Reply, Sound, Trouble, Voice } from "./model";
import { troubled } from "./asking";

/** Characters the service says at once. */
const MOST = 5000;

/** The switch of the page, and what plays. */
export class Aloud {
  private wish: boolean | null;
  private hasMouth = false;
  private readonly button: HTMLButtonElement;

  /** `failed` is called with why something could not be read. */
  constructor(
    private readonly place: Place,
    private readonly port: Port,
    private readonly failed: (trouble: Trouble) => void,
  ) {
    this.button = part<HTMLButtonElement>(place.root, "speak");
    this.wish = wantsSpeech(place.user);
    this.button.addEventListener("click", () => this.choose(!this.wish));
    this.show();
  }

  /** Show what the service can do. */
  offer(facts: Voice | null): void {
    this.hasMouth = Boolean(facts?.mouth);
    this.button.hidden = !this.hasMouth;
    this.place.home.classList.toggle("has-mouth", this.hasMouth);
  }

  /** Whether the answer to a spoken question shall be spoken: yes, until somebody says no. */
  isWanted(): boolean {
    if (this.hasMouth && this.wish === null) this.choose(true);
    return this.hasMouth && this.wish === true;
  }

  /** Play speech that came with an answer; `sign` is the answer's own button. */
  async playBack(sound: Sound, sign: Element | null): Promise<void> {
    try {
      await play(unpacked(sound.data).buffer, sign);
    } catch {
      this.failed({ message: "The answer cannot be played.", cure: "Your browser may lack MP3; the answer is on the page." });
    }
  }

  /** Read a reply aloud, or stop it. */
  async read(reply: Reply, sign: Element): Promise<void> {
    const isStop = sign.getAttribute("aria-pressed") === "true";
    hush();
    if (isStop) return;
    ready();
    try {
      await play(this.port.speech(spokenText(reply).slice(0, MOST)), sign);
    } catch (error) {
      this.failed(troubled(error));
    }
  }

  private choose(is: boolean): void {
    this.wish = is;
    wishSpeech(this.place.user, is);
    if (is) ready();
    else hush();
    this.show();
  }

  private show(): void {
    this.button.setAttribute("aria-pressed", String(Boolean(this.wish)));
  }
}
