/** The service as our own pages talk to it: over HTTP, in the session. */

import { Unanswered, asking, spoken } from "./asking";
import type { Command, Reply } from "./model";
import type { Port } from "./place";

const ask = asking({
  base: "",
  headers: () => ({
    ...(document.body.dataset.front ? { "X-Page": document.body.dataset.front } : {}),
    "X-CSRF-Token": document.querySelector<HTMLMetaElement>("meta[name=csrf-token]")?.content ?? "",
  }),
  told: (status) =>
    status === 401
      ? new Unanswered(
          "Your session is over.",
          "Get a new link with “gtm sign-in”, open it in this browser, then reload this page. What you wrote is kept.",
        )
      : null,
});

export const service: Port = {
  say(text, conversation, key) {
    const body = { text, ...(conversation ? { conversation_id: conversation } : {}) };
    return ask<Reply>("POST", "/api/v1/say", body, { "Idempotency-Key": key });
  },
  talk(recording, type, conversation, key, isAloud) {
    return ask("POST", `/api/v1/voice?${spoken(conversation, isAloud)}`, recording, { "Idempotency-Key": key, "Content-Type": type });
  },
  voice: () => ask("GET", "/api/v1/ears"),
  speech: (text) => ask("POST", "/api/v1/speech", { text, form: "mp3" }),
  job: (id) => ask("GET", `/api/v1/jobs/${encodeURIComponent(id)}`),
  async offers() {
    const known = await ask<Command[]>("GET", "/api/v1/commands");
    const telling = known.filter((one) => one.permitted && one.suggested);
    return telling.map(({ examples: [say = ""], summary }) => ({ say, summary }));
  },
};

/** Put a file where commands can import it. */
export function sendFile(file: File): Promise<{ file: string }> {
  return ask("PUT", `/api/v1/files/${encodeURIComponent(file.name)}`, file);
}

/** End the session. */
export function signOut(): Promise<null> {
  return ask("POST", "/sign-out");
}
