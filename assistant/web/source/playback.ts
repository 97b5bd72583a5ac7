/** Plays what the assistant says aloud: one thing at a time, until somebody wants to be heard. */

const PATIENCE = 500;

interface Playing {
  source: AudioBufferSourceNode | null;
  sign: Element | null;
}

let context: AudioContext | null = null;
let playing: Playing | null = null;

/** Get ready to play; browsers want to see a press or a key for it. */
export function ready(): AudioContext {
  context ??= new AudioContext();
  if (context.state !== "running") context.resume().catch(() => {});
  return context;
}

/**
 * Play a sound file: an ArrayBuffer, or the promise of one. `sign`, if any, is shown as pressed meanwhile.
 * Resolves when it is over or hushed; throws what the promise throws, or that it is no sound.
 */
export async function play(file: ArrayBuffer | Promise<ArrayBuffer>, sign: Element | null): Promise<void> {
  hush();
  const context = ready();
  const mine: Playing = { source: null, sign };
  playing = mine;
  sign?.setAttribute("aria-pressed", "true");
  try {
    const buffer = await context.decodeAudioData(await file);
    // What a browser keeps back must not burst out with the next press, long after.
    if ((await isAllowed(context)) && playing === mine) await sounded(context, mine, buffer);
  } catch (error) {
    if (playing === mine) throw error;
  } finally {
    if (playing === mine) hush();
  }
}

/** Stop what plays. */
export function hush(): void {
  const { source, sign } = playing ?? {};
  playing = null;
  sign?.setAttribute("aria-pressed", "false");
  source?.stop();
}

function sounded(context: AudioContext, mine: Playing, buffer: AudioBuffer): Promise<unknown> {
  const source = new AudioBufferSourceNode(context, { buffer });
  mine.source = source;
  source.connect(context.destination);
  source.start();
  return new Promise((resolve) => source.addEventListener("ended", resolve, { once: true }));
}

async function isAllowed(context: AudioContext): Promise<boolean> {
  if (context.state !== "running") {
    await Promise.race([context.resume(), new Promise((resume) => setTimeout(resume, PATIENCE))]);
  }
  return context.state === "running";
}
