/** Requests to the service. */

import type { Command, Job, Reply, Spoken, Trouble, Voice } from "./model";

const PATIENCE = 60_000;

/** The service did not answer; says why and what helps. */
export class Unanswered extends Error {
  constructor(
    message: string,
    readonly cure?: string,
  ) {
    super(message);
  }
}

/** Say something; the same key is never carried out twice. */
export function say(text: string, conversation: string | null, key: string): Promise<Reply> {
  const body = { text, ...(conversation ? { conversation_id: conversation } : {}) };
  return request("POST", "/api/v1/say", body, { "Idempotency-Key": key });
}

/** Say something aloud: a recording (bytes) of a media type. The answer comes as sound too where `isAloud`. */
export function talk(recording: Uint8Array<ArrayBuffer>, type: string, conversation: string | null, key: string, isAloud: boolean): Promise<Spoken> {
  const asked = new URLSearchParams();
  if (conversation) asked.set("conversation_id", conversation);
  if (isAloud) asked.set("speak", "mp3");
  return request("POST", `/api/v1/voice?${asked}`, recording, { "Idempotency-Key": key, "Content-Type": type });
}

/** What the assistant hears and speaks with. */
export function voice(): Promise<Voice> {
  return request("GET", "/api/v1/ears");
}

/** A text read aloud: a sound file, as an ArrayBuffer. */
export function speech(text: string): Promise<ArrayBuffer> {
  return request("POST", "/api/v1/speech", { text, form: "mp3" });
}

/** A job as it stands. */
export function job(id: string): Promise<Job> {
  return request("GET", `/api/v1/jobs/${encodeURIComponent(id)}`);
}

/** Put a file where commands can import it. */
export function sendFile(file: File): Promise<{ file: string }> {
  return request("PUT", `/api/v1/files/${encodeURIComponent(file.name)}`, file);
}

/** Everything that can be asked for. */
export function commands(): Promise<Command[]> {
  return request("GET", "/api/v1/commands");
}

/** End the session. */
export function signOut(): Promise<null> {
  return request("POST", "/sign-out");
}

type Body = object | File | Uint8Array<ArrayBuffer> | null;

async function request<T>(method: string, path: string, body: Body = null, headers: Record<string, string> = {}): Promise<T> {
  const isFile = body instanceof File;
  const isRaw = body instanceof File || body instanceof Uint8Array;
  const answer = await fetched(path, {
    method,
    headers: {
      Accept: "application/json, audio/mpeg",
      ...(document.body.dataset.front ? { "X-Page": document.body.dataset.front } : {}),
      "X-CSRF-Token": document.querySelector<HTMLMetaElement>("meta[name=csrf-token]")?.content ?? "",
      ...(body ? { "Content-Type": isFile ? "application/octet-stream" : "application/json" } : {}),
      ...headers,
    },
    body: isRaw ? body : body && JSON.stringify(body),
    signal: isFile ? null : AbortSignal.timeout(PATIENCE),
  });
  if (answer.status === 204) return null as T;
  if (answer.headers.get("Content-Type")?.startsWith("audio/")) return (await answer.arrayBuffer()) as T;
  const told = await answer.json().catch(() => null);
  if (answer.ok || told?.turn_id || told?.reply?.turn_id) return told;
  throw refusal(answer.status, told?.error);
}

async function fetched(path: string, options: RequestInit): Promise<Response> {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      throw new Unanswered(
        "There has been no answer for a minute.",
        "It may still be working. Try again: the same request is never carried out twice.",
      );
    }
    throw new Unanswered(
      "The service cannot be reached.",
      "Check your connection and that the service is running, then try again.",
    );
  }
}

function refusal(status: number, error?: Trouble): Unanswered {
  if (status === 401) {
    return new Unanswered(
      "Your session is over.",
      "Get a new link with “gtm sign-in”, open it in this browser, then reload this page. What you wrote is kept.",
    );
  }
  if (error) return new Unanswered(error.message, error.cure);
  return new Unanswered(`The service answered with status ${status}.`, "Try again in a moment.");
}

/** What went wrong, as it is told. */
export function troubled(error: unknown): Trouble {
  const cure = error instanceof Error && "cure" in error ? String(error.cure ?? "") : undefined;
  return { message: error instanceof Error ? error.message : String(error), cure };
}
