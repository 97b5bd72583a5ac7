/** Records what somebody says. */

// As each family of browsers has it; the ears take them all.
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4"];
const BITS = 48_000;
// Taking noise away takes some of the voice with it: the embedded ears hear far less then.
const WANTED = { echoCancellation: true, noiseSuppression: false, autoGainControl: true };
const QUIETEST = -100;

/** Nothing can be recorded; says why and what helps. */
export class Deaf extends Error {
  constructor(message, cure) {
    super(message);
    this.cure = cure;
  }
}

/** Begin to record; the browser may ask the person first. Throws `Deaf`. */
export async function record() {
  refuse();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED });
  } catch (error) {
    throw refusal(error);
  }
  try {
    return new Recording(stream);
  } catch (error) {
    release(stream);
    throw new Deaf(`This browser cannot record: ${error.message}.`, "Use another browser, or type.");
  }
}

/** A recording under way; the microphone is let go with its end. */
class Recording {
  constructor(stream) {
    this.stream = stream;
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.recorder = new MediaRecorder(stream, { audioBitsPerSecond: BITS, ...(mimeType ? { mimeType } : {}) });
    this.parts = [];
    this.recorder.addEventListener("dataavailable", (event) => this.parts.push(event.data));
    // Also where the microphone is unplugged or taken away.
    this.over = new Promise((resolve) => this.recorder.addEventListener("stop", resolve, { once: true }));
    this.listenIn();
    this.recorder.start();
    this.began = performance.now();
  }

  listenIn() {
    this.context = new AudioContext();
    // Browsers start it by themselves only while somebody presses something.
    this.context.resume().catch(() => {});
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 1024;
    this.context.createMediaStreamSource(this.stream).connect(this.analyser);
    this.wave = new Float32Array(this.analyser.fftSize);
  }

  get seconds() {
    return (performance.now() - this.began) / 1000;
  }

  get isOver() {
    return this.recorder.state === "inactive";
  }

  /** How loud it is now, in decibels: 0 is the loudest there is, -100 stands for silence. */
  loudness() {
    this.analyser.getFloatTimeDomainData(this.wave);
    const power = this.wave.reduce((sum, value) => sum + value * value, 0) / this.wave.length;
    return power ? Math.max(QUIETEST, 10 * Math.log10(power)) : QUIETEST;
  }

  /** End it; what was recorded. */
  async stop() {
    if (!this.isOver) this.recorder.stop();
    await this.over;
    this.release();
    return new Blob(this.parts, { type: this.recorder.mimeType });
  }

  /** End it; nothing is kept. */
  cancel() {
    if (!this.isOver) this.recorder.stop();
    this.release();
  }

  release() {
    release(this.stream);
    if (this.context.state !== "closed") this.context.close();
  }
}

/** Tells by the loudness alone that somebody has finished, or does not speak at all. */
export class Pause {
  constructor({ after = 1.6, atFirst = 8 } = {}) {
    this.after = after;
    this.atFirst = atFirst;
    this.floor = 0;
    this.loud = 0;
    this.spoke = null;
  }

  /** Whether speech is over, with the loudness (dB) at a moment (seconds from the beginning). */
  isOver(loudness, at) {
    // The quietest of late is what the room sounds like.
    this.floor = Math.min(loudness, this.floor + 0.1);
    const isLoud = loudness > Math.max(this.floor + 10, -50);
    this.loud = isLoud ? this.loud + 1 : 0;
    // A click is not speech: that goes on for some moments.
    if (this.loud >= 3) this.spoke = at;
    return at - (this.spoke ?? 0) > (this.spoke === null ? this.atFirst : this.after);
  }
}

function refuse() {
  if (!window.isSecureContext) {
    throw new Deaf(
      "Browsers lend the microphone to secure pages only.",
      `Open this page by its https address, or, on the machine it runs on, as http://localhost:${location.port || 80}.`,
    );
  }
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder || !window.AudioContext) {
    throw new Deaf("This browser cannot record.", "Use a current Chrome, Edge, Firefox or Safari, or type.");
  }
}

function refusal(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return new Deaf(
        "This page may not use the microphone.",
        "Allow it beside the address, or in the browser's settings for this page; then press the button again.",
      );
    case "NotFoundError":
    case "OverconstrainedError":
      return new Deaf("There is no microphone.", "Connect one, or switch it on in the system's settings; then press again.");
    case "NotReadableError":
    case "AbortError":
      return new Deaf(
        "The microphone does not answer.",
        "Close other programs that use it, or connect it anew; then press again.",
      );
    default:
      return new Deaf(`The microphone cannot be used: ${error.message}.`, "Try again, or type.");
  }
}

function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}
