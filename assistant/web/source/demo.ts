/** A page to try the widget on: its token, its looks, and the tag that results. */

import { part } from "./dom";

const NAME = "gtm-assistant";
const PRESET = "#1f6f5c";
const source = document.querySelector<HTMLElement>("[data-script]")?.dataset.script ?? "";
const [token, accent, theme, side, label] = ["token", "accent", "theme", "side", "label"].map((id) => part<HTMLInputElement>(document, id)) as [
  HTMLInputElement,
  HTMLInputElement,
  HTMLInputElement,
  HTMLInputElement,
  HTMLInputElement,
];

token.value = decodeURIComponent(location.hash.slice(1));
part(document, "with-token").addEventListener("submit", (event) => {
  event.preventDefault();
  history.replaceState(null, "", `#${encodeURIComponent(token.value.trim())}`);
  document.querySelector(NAME)?.remove();
  show();
  document.querySelector<HTMLElement & { open(): void }>(NAME)?.open();
});
part(document, "looks").addEventListener("input", show);
// By the address of the page, whatever name people have for the service.
const script = document.createElement("script");
script.src = "/widget.js";
script.addEventListener("load", show);
document.head.append(script);

function show(): void {
  const chosen = { theme: theme.value, side: side.value, label: label.value === "Ask" ? "" : label.value };
  const told = Object.entries(chosen).filter(([, value]) => value);
  const data = told.map(([name, value]) => ` data-${name}="${value.replaceAll('"', "&quot;")}"`).join("");
  const own = token.value.trim();
  part(document, "tag").textContent = `<script src="${source}" data-token="${own || "gtm_…"}"${data} async></script>`;
  part(document, "styles").textContent = accent.value === PRESET ? "gtm-assistant { /* nothing to set */ }" : `gtm-assistant { --gtm-accent: ${accent.value}; --gtm-on-accent: ${onto(accent.value)}; }`;
  if (!own) return;
  let assistant = document.querySelector<HTMLElement>(NAME);
  if (!assistant) {
    assistant = document.createElement(NAME);
    assistant.setAttribute("token", own);
    document.body.append(assistant);
  }
  for (const [name, value] of Object.entries(chosen)) {
    if (value) assistant.setAttribute(name, value);
    else assistant.removeAttribute(name);
  }
  const { style } = assistant;
  if (accent.value === PRESET) {
    style.removeProperty("--gtm-accent");
    style.removeProperty("--gtm-on-accent");
  } else {
    style.setProperty("--gtm-accent", accent.value);
    style.setProperty("--gtm-on-accent", onto(accent.value));
  }
}

/** Black or white, whichever can be read better on a colour. */
function onto(color: string): string {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}
