/** Records what somebody says. */

// As each family of browsers has it; the ears take them all.
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4"];
const BITS = 48_000;
// Taking noise away takes some of the voice with it: the embedded ears hear far less then.
const WANTED = { echoCancellation: true, noiseSuppression: false, autoGainControl: true };
const QUIETEST = -100;

/** Nothing can be recorded; says why and what helps. */
export class Deaf extends Error {
  constructor(
    message: string,
    readonly cure: string,
  ) {
    super(message);
  }
}

/** Begin to record; the browser may ask the person first. Throws `Deaf`. */
export async function record(): Promise<Recording> {
  refuse();
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED });
  } catch (error) {
    throw refusal(error);
  }
  try {
    return new Recording(stream);
  } catch (error) {
    release(stream);
    throw new Deaf(`This browser cannot record: ${reason(error)}.`, "Use another browser, or type.");
  }
}

/** A recording under way; the microphone is let go with its end. */
export class Recording {
  private readonly recorder: MediaRecorder;
  private readonly parts: Blob[] = [];
  private readonly over: Promise<unknown>;
  private readonly context = new AudioContext();
  private readonly analyser = this.context.createAnalyser();
  private readonly wave: Float32Array<ArrayBuffer>;
  private readonly began: number;

  constructor(private readonly stream: MediaStream) {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.recorder = new MediaRecorder(stream, { audioBitsPerSecond: BITS, ...(mimeType ? { mimeType } : {}) });
    this.recorder.addEventListener("dataavailable", (event) => this.parts.push(event.data));
    // Also where the microphone is unplugged or taken away.
    this.over = new Promise((resolve) => this.recorder.addEventListener("stop", resolve, { once: true }));
    this.wave = this.listenIn();
    this.recorder.start();
    this.began = performance.now();
  }

  private listenIn(): Float32Array<ArrayBuffer> {
    // Browsers start it by themselves only while somebody presses something.
    this.context.resume().catch(() => {});
    this.analyser.fftSize = 1024;
    this.context.createMediaStreamSource(this.stream).connect(this.analyser);
    return new Float32Array(this.analyser.fftSize);
  }

  get seconds(): number {
    return (performance.now() - this.began) / 1000;
  }

  get isOver(): boolean {
    return this.recorder.state === "inactive";
  }

  /** How loud it is now, in decibels: 0 is the loudest there is, -100 stands for silence. */
  loudness(): number {
    this.analyser.getFloatTimeDomainData(this.wave);
    const power = this.wave.reduce((sum, value) => sum + value * value, 0) / this.wave.length;
    return power ? Math.max(QUIETEST, 10 * Math.log10(power)) : QUIETEST;
  }

  /** End it; what was recorded. */
  async stop(): Promise<Blob> {
    if (!this.isOver) this.recorder.stop();
    await this.over;
    this.release();
    return new Blob(this.parts, { type: this.recorder.mimeType });
  }

  /** End it; nothing is kept. */
  cancel(): void {
    if (!this.isOver) this.recorder.stop();
    this.release();
  }

  private release(): void {
    release(this.stream);
    if (this.context.state !== "closed") this.context.close();
  }
}

/** Tells by the loudness alone that somebody has finished, or does not speak at all. */
export class Pause {
  private floor = 0;
  private loud = 0;
  private spoke: number | null = null;

  constructor(
    private readonly after = 1.6,
    private readonly atFirst = 8,
  ) {}

  /** Whether speech is over, with the loudness (dB) at a moment (seconds from the beginning). */
  isOver(loudness: number, at: number): boolean {
    // The quietest of late is what the room sounds like.
    this.floor = Math.min(loudness, this.floor + 0.1);
    const isLoud = loudness > Math.max(this.floor + 10, -50);
    this.loud = isLoud ? this.loud + 1 : 0;
    // A click is not speech: that goes on for some moments.
    if (this.loud >= 3) this.spoke = at;
    return at - (this.spoke ?? 0) > (this.spoke === null ? this.atFirst : this.after);
  }
}

function refuse(): void {
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

function refusal(error: unknown): Deaf {
  switch (error instanceof Error ? error.name : "") {
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
      return new Deaf(`The microphone cannot be used: ${reason(error)}.`, "Try again, or type.");
  }
}

function release(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
