/** The conversation on our own pages, with what only they have: files that are sent in, and signing out. */

import { troubled } from "./asking";
import { Conversing } from "./conversation";
import { part } from "./dom";
import type { Place } from "./place";
import { sendFile, service, signOut } from "./service";

/** Begin it, or go on after a reload. */
export function ownConversation(): void {
  const place: Place = {
    root: document,
    home: document.body,
    user: document.body.dataset.user ?? "",
    name: "gtm.conversation",
    arrive: (message) => message.scrollIntoView({ block: "start" }),
  };
  const talk = new Conversing(place, service);
  const attach = part<HTMLButtonElement>(document, "attach");
  const file = part<HTMLInputElement>(document, "file");
  talk.onBusy = (is) => {
    attach.disabled = is;
  };
  attach.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    file.value = "";
    if (!chosen) return;
    talk.send(
      `File ${chosen.name}`,
      async () => `import the file ${(await sendFile(chosen)).file}`,
      () => file.click(),
    );
  });
  part(document, "sign-out").addEventListener("click", (event) => {
    event.preventDefault();
    leave(talk);
  });
}

async function leave(talk: Conversing): Promise<void> {
  try {
    await signOut();
  } catch (error) {
    const trouble = troubled(error);
    talk.tell({ ...trouble, message: `You are not signed out. ${trouble.message}` }, () => leave(talk));
    return;
  }
  talk.forget();
  location.assign("/");
}
