/** What a conversation needs around it: our own pages have it, and so has the widget. */

import type { Root } from "./dom";
import type { Job, Reply, Spoken, Voice } from "./model";

/** Where it stands. */
export interface Place {
  root: Root;
  /** Carries what the styles go by: is-listening, has-mouth, --level. */
  home: HTMLElement;
  /** Whose it is: what is kept is kept for them. */
  user: string;
  /** The name it is kept under. */
  name: string;
  /** Bring a message into view. */
  arrive(message: Element): void;
}

/** Something to say, and what it does. */
export interface Offer {
  say: string;
  summary: string;
}

/** How the service is talked to. Every request rejects with `Unanswered`. */
export interface Port {
  /** Say something; the same key is never carried out twice. `told` is given the answer's text as it comes. */
  say(text: string, conversation: string | null, key: string, told: (piece: string) => void): Promise<Reply>;
  /** Say something aloud: a recording (bytes) of a media type. The answer comes as sound too where `isAloud`. */
  talk(recording: Uint8Array<ArrayBuffer>, type: string, conversation: string | null, key: string, isAloud: boolean): Promise<Spoken>;
  /** What the assistant hears and speaks with. */
  voice(): Promise<Voice>;
  /** A text read aloud: a sound file. */
  speech(text: string): Promise<ArrayBuffer>;
  /** A job as it stands. */
  job(id: string): Promise<Job>;
  /** What can be asked to begin with. */
  offers(): Promise<Offer[]>;
}
