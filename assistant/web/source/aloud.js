/** Answers aloud: whether a person wants them, and reading one. */

import { unpacked } from "./base64.js";
import { wantsSpeech, wishSpeech } from "./keep.js";
import { hush, play, ready } from "./playback.js";
import { spokenText } from "./reply.js";
import { speech } from "./service.js";

/** Characters the service says at once. */
const MOST = 5000;

/** The switch of the page, and what plays. */
export class Aloud {
  /** `failed` is called with why something could not be read. */
  constructor(user, failed) {
    this.user = user;
    this.failed = failed;
    this.wish = wantsSpeech(user);
    this.hasMouth = false;
    this.button = document.getElementById("speak");
    this.button.addEventListener("click", () => this.choose(!this.wish));
    this.show();
  }

  /** Show what the service can do. */
  offer(facts) {
    this.hasMouth = Boolean(facts?.mouth);
    this.button.hidden = !this.hasMouth;
    document.body.classList.toggle("has-mouth", this.hasMouth);
  }

  /** Whether the answer to a spoken question shall be spoken: yes, until somebody says no. */
  isWanted() {
    if (this.hasMouth && this.wish === null) this.choose(true);
    return this.hasMouth && this.wish;
  }

  /** Play speech that came with an answer; `sign` is the answer's own button. */
  async playBack(sound, sign) {
    try {
      await play(unpacked(sound.data).buffer, sign);
    } catch {
      this.failed({ message: "The answer cannot be played.", cure: "Your browser may lack MP3; the answer is on the page." });
    }
  }

  /** Read a reply aloud, or stop it. */
  async read(reply, sign) {
    const isStop = sign.getAttribute("aria-pressed") === "true";
    hush();
    if (isStop) return;
    ready();
    try {
      await play(speech(spokenText(reply).slice(0, MOST)), sign);
    } catch (error) {
      this.failed({ message: error.message, cure: error.cure });
    }
  }

  choose(is) {
    this.wish = is;
    wishSpeech(this.user, is);
    if (is) ready();
    else hush();
    this.show();
  }

  show() {
    this.button.setAttribute("aria-pressed", String(Boolean(this.wish)));
  }
}
