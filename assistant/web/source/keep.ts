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

const KEY = "gtm.conversation";
const WISH = "gtm.speak";
const MOST = 50;

/** What is kept of a user's conversation; somebody else's is forgotten. */
export function restored(user: string): Conversation {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    if (kept && kept.user === user && Array.isArray(kept.turns)) return kept;
  } catch {
    // What cannot be read is as good as nothing.
  }
  return { user, id: null, turns: [] };
}

/** Keep the latest turns, as many as there is room for. */
export function keep(conversation: Conversation): void {
  for (let most = MOST; most >= 1; most = Math.floor(most / 2)) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ ...conversation, turns: conversation.turns.slice(-most) }));
      return;
    } catch {
      // No room: keep fewer.
    }
  }
}

/** Forget everything of the conversation. */
export function forget(): void {
  sessionStorage.removeItem(KEY);
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
