/** Plays what the assistant says aloud: one thing at a time, until somebody wants to be heard. */

const PATIENCE = 500;

let context = null;
let playing = null;

/** Get ready to play; browsers want to see a press or a key for it. */
export function ready() {
  context ??= new AudioContext();
  if (context.state !== "running") context.resume().catch(() => {});
}

/**
 * Play a sound file: an ArrayBuffer, or the promise of one. `sign`, if any, is shown as pressed meanwhile.
 * Resolves when it is over or hushed; throws what the promise throws, or that it is no sound.
 */
export async function play(file, sign) {
  hush();
  ready();
  const mine = { source: null, sign };
  playing = mine;
  sign?.setAttribute("aria-pressed", "true");
  try {
    const buffer = await context.decodeAudioData(await file);
    // What a browser keeps back must not burst out with the next press, long after.
    if ((await isAllowed()) && playing === mine) await sounded(mine, buffer);
  } catch (error) {
    if (playing === mine) throw error;
  } finally {
    if (playing === mine) hush();
  }
}

/** Stop what plays. */
export function hush() {
  const { source, sign } = playing ?? {};
  playing = null;
  sign?.setAttribute("aria-pressed", "false");
  source?.stop();
}

function sounded(mine, buffer) {
  mine.source = new AudioBufferSourceNode(context, { buffer });
  mine.source.connect(context.destination);
  mine.source.start();
  return new Promise((resolve) => mine.source.addEventListener("ended", resolve, { once: true }));
}

async function isAllowed() {
  if (context.state !== "running") {
    await Promise.race([context.resume(), new Promise((resume) => setTimeout(resume, PATIENCE))]);
  }
  return context.state === "running";
}
