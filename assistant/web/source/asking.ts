/** Requests to the service, and how their failures are told. */

import type { Trouble } from "./model";

const PATIENCE = 60_000;

export type Body = object | File | Uint8Array<ArrayBuffer> | null;
export type Ask = <T>(method: string, path: string, body?: Body, headers?: Record<string, string>) => Promise<T>;

/** The service did not answer; says why and what helps. */
export class Unanswered extends Error {
  constructor(
    message: string,
    readonly cure?: string,
  ) {
    super(message);
  }
}

/** Who asks, and what is said when they may not. */
export interface Asker {
  base: string;
  headers(): Record<string, string>;
  /** What is told of a status and its error, where it is not the error itself. */
  told?(status: number): Unanswered | null;
  /** What is told where no answer comes at all. */
  unreached?(): Unanswered;
  credentials?: RequestCredentials;
}

/** Requests of somebody; they reject with `Unanswered`. */
export function asking(asker: Asker): Ask {
  return async <T>(method: string, path: string, body: Body = null, headers: Record<string, string> = {}): Promise<T> => {
    const isFile = body instanceof File;
    const isRaw = body instanceof File || body instanceof Uint8Array;
    const answer = await fetched(asker, path, {
      method,
      headers: {
        Accept: "application/json, audio/mpeg",
        ...asker.headers(),
        ...(body ? { "Content-Type": isFile ? "application/octet-stream" : "application/json" } : {}),
        ...headers,
      },
      body: isRaw ? body : body && JSON.stringify(body),
      signal: isFile ? null : AbortSignal.timeout(PATIENCE),
      ...(asker.credentials ? { credentials: asker.credentials } : {}),
    });
    if (answer.status === 204) return null as T;
    if (answer.headers.get("Content-Type")?.startsWith("audio/")) return (await answer.arrayBuffer()) as T;
    const told = await answer.json().catch(() => null);
    if (answer.ok || told?.turn_id || told?.reply?.turn_id) return told;
    throw asker.told?.(answer.status) ?? refusal(answer.status, told?.error);
  };
}

/** What is asked along with a recording. */
export function spoken(conversation: string | null, isAloud: boolean): URLSearchParams {
  const asked = new URLSearchParams();
  if (conversation) asked.set("conversation_id", conversation);
  if (isAloud) asked.set("speak", "mp3");
  return asked;
}

async function fetched(asker: Asker, path: string, options: RequestInit): Promise<Response> {
  try {
    return await fetch(`${asker.base}${path}`, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") throw late();
    throw asker.unreached?.() ?? unreached();
  }
}

/** That an answer takes too long. */
export function late(): Unanswered {
  return new Unanswered(
    "There has been no answer for a minute.",
    "It may still be working. Try again: the same request is never carried out twice.",
  );
}

/** That there is no way to the service. */
export function unreached(): Unanswered {
  return new Unanswered(
    "The service cannot be reached.",
    "Check your connection and that the service is running, then try again.",
  );
}

function refusal(status: number, error?: Trouble): Unanswered {
  if (error) return new Unanswered(error.message, error.cure);
  return new Unanswered(`The service answered with status ${status}.`, "Try again in a moment.");
}

/** What went wrong, as it is told. */
export function troubled(error: unknown): Trouble {
  const cure = error instanceof Error && "cure" in error ? String(error.cure ?? "") : undefined;
  return { message: error instanceof Error ? error.message : String(error), cure };
}
