/** The conversation of this tab, kept over a reload; and what a person wishes, kept for good. */

import type { Reply, Sound, Trouble } from "./model";

/** Something said, and what came of it. */
export interface Turn {
  key: string;
  at: string;
  said: string;
  isSpoken?: boolean;
  isAloud?: boolean;
  sound?: Sound;
  reply?: Reply;
  problem?: Trouble;
  ended?: { reply: Reply; at: string };
}

export interface Conversation {
  user: string;
  id: string | null;
  turns: Turn[];
}

const WISH = "gtm.speak";
const MOST = 50;

/** What is kept of a user's conversation under a name; somebody else's is forgotten. */
export function restored(name: string, user: string): Conversation {
  try {
    const kept = JSON.parse(sessionStorage.getItem(name) ?? "null");
    if (kept && kept.user === user && Array.isArray(kept.turns)) return kept;
  } catch {
    // What cannot be read is as good as nothing.
  }
  return { user, id: null, turns: [] };
}

/** Keep the latest turns, as many as there is room for. */
export function keep(name: string, conversation: Conversation): void {
  for (let most = MOST; most >= 1; most = Math.floor(most / 2)) {
    try {
      sessionStorage.setItem(name, JSON.stringify({ ...conversation, turns: conversation.turns.slice(-most) }));
      return;
    } catch {
      // No room: keep fewer.
    }
  }
}

/** Forget everything of the conversation. */
export function forget(name: string): void {
  try {
    sessionStorage.removeItem(name);
  } catch {
    // Where nothing may be kept, nothing is.
  }
}

/** Whether a user wants answers spoken: true, false, or null where they never said so. */
export function wantsSpeech(user: string): boolean | null {
  try {
    const kept = localStorage.getItem(`${WISH}.${user}`);
    return kept === null ? null : kept === "on";
  } catch {
    return null;
  }
}

/** Remember whether a user wants answers spoken. */
export function wishSpeech(user: string, is: boolean): void {
  try {
    localStorage.setItem(`${WISH}.${user}`, is ? "on" : "off");
  } catch {
    // Then it holds for this page only.
  }
}
