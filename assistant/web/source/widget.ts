/** The assistant on any site: `<gtm-assistant>`, or one script tag with a token. */

import sheet from "../built/.widget.css";
import { Unanswered, asking, spoken } from "./asking";
import { Conversing } from "./conversation";
import { type Attributes, button, drawn, element } from "./dom";
import { Line } from "./line";
import type { Voice } from "./model";
import type { Offer, Place, Port } from "./place";

const NAME = "gtm-assistant";
const API = "/widget/v1/";
const PIXELS = 16;
const WITHIN = ["keydown", "keyup", "keypress"];

interface Welcome {
  name: string;
  offers: Offer[];
  voice: Voice;
}

const script = document.currentScript ?? document.querySelector<HTMLScriptElement>('script[src*="/widget.js"]');
const home = script instanceof HTMLScriptElement ? script.src.replace(/\/widget\.js.*$/, "") : "";

/** How the service is talked to with a widget's token. */
class WidgetPort implements Port {
  private readonly ask;
  private readonly line: Line;
  private welcome: Promise<Welcome> | null = null;

  constructor(base: string, token: string) {
    this.ask = asking({ base, headers: () => ({ Authorization: `Bearer ${token}` }), credentials: "omit", unreached });
    this.line = new Line(`${base.replace(/^http/, "ws")}${API}converse`, token, () => this.refusal());
  }

  say(text: string, conversation: string | null, key: string, told: (piece: string) => void) {
    return this.line.say(text, conversation, key, told);
  }

  talk(recording: Uint8Array<ArrayBuffer>, type: string, conversation: string | null, key: string, isAloud: boolean) {
    const headers = { "Idempotency-Key": key, "Content-Type": type };
    return this.ask<Awaited<ReturnType<Port["talk"]>>>("POST", `${API}voice?${spoken(conversation, isAloud)}`, recording, headers);
  }

  async voice() {
    return (await this.hello()).voice;
  }

  speech(text: string) {
    return this.ask<ArrayBuffer>("POST", `${API}speech`, { text, form: "mp3" });
  }

  async job(id: string) {
    return this.line.job(id);
  }

  async offers() {
    return (await this.hello()).offers;
  }

  end(): void {
    this.line.end();
  }

  private hello(): Promise<Welcome> {
    this.welcome ??= this.ask<Welcome>("POST", `${API}hello`).catch((error) => {
      this.welcome = null;
      throw error;
    });
    return this.welcome;
  }

  private async refusal(): Promise<Unanswered | null> {
    this.welcome = null;
    try {
      await this.hello();
      return null;
    } catch (error) {
      return error instanceof Unanswered ? error : null;
    }
  }
}

function unreached(): Unanswered {
  return new Unanswered(
    "The assistant cannot be reached from here.",
    `Either there is no connection, or ${location.origin} is not among the sites this widget may stand on (“gtm widget list” shows them).`,
  );
}

class Assistant extends HTMLElement {
  private opener: HTMLElement | null = null;
  private port: WidgetPort | null = null;
  private talk: Conversing | null = null;
  private readonly shell = element("section", { class: "shell", part: "shell" });
  private panel = element("div");
  private launcher = element("button");

  static readonly observedAttributes = ["theme", "heading", "label"];

  connectedCallback(): void {
    if (this.shadowRoot) return;
    // Open: a closed one keeps nobody out who may run scripts here, only those who test whether it is accessible.
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles()];
    this.build();
    root.append(this.shell);
    // Keys that are typed here are no shortcuts of the site's.
    for (const name of WITHIN) this.addEventListener(name, (event) => event.stopPropagation());
    // Heard before the button to talk hears it: what is being said is cancelled first.
    root.addEventListener("keydown", (event) => this.obey(event as KeyboardEvent), true);
    if (this.hasAttribute("open")) this.open();
  }

  disconnectedCallback(): void {
    this.talk?.rest();
    this.port?.end();
  }

  attributeChangedCallback(): void {
    if (!this.shadowRoot) return;
    const theme = this.getAttribute("theme");
    if (theme === "light" || theme === "dark") this.shell.dataset.theme = theme;
    else delete this.shell.dataset.theme;
    this.shell.setAttribute("aria-label", this.heading);
    this.panel.setAttribute("aria-label", this.heading);
    const [title, label] = this.shell.querySelectorAll("[data-told]");
    if (title) title.textContent = this.heading;
    if (label) label.textContent = this.label;
  }

  /** Show the conversation. */
  open(): void {
    if (!this.panel.hidden) return;
    const before = document.activeElement;
    this.opener = before instanceof HTMLElement && before !== this && before !== document.body ? before : null;
    this.panel.hidden = false;
    this.launcher.hidden = true;
    this.launcher.setAttribute("aria-expanded", "true");
    this.setAttribute("open", "");
    this.begin();
    this.shadowRoot?.getElementById("text")?.focus();
    this.dispatchEvent(new CustomEvent("gtm-open", { bubbles: true }));
  }

  /** Hide it, and give the focus back. */
  close(): void {
    if (this.panel.hidden) return;
    this.talk?.rest();
    this.panel.hidden = true;
    this.launcher.hidden = false;
    this.launcher.setAttribute("aria-expanded", "false");
    this.removeAttribute("open");
    (this.opener?.isConnected ? this.opener : this.launcher).focus();
    this.dispatchEvent(new CustomEvent("gtm-close", { bubbles: true }));
  }

  private get heading(): string {
    return this.getAttribute("heading") ?? "Ask the assistant";
  }

  private get label(): string {
    return this.getAttribute("label") ?? "Ask";
  }

  /** Nothing is asked of the service before somebody wants to talk. */
  private begin(): void {
    const { shadowRoot: root } = this;
    if (this.talk || !root) return;
    const token = this.getAttribute("token") ?? "";
    const service = (this.getAttribute("service") ?? home).replace(/\/+$/, "");
    this.port = new WidgetPort(service, token);
    const log = root.querySelector<HTMLElement>(".talk-log");
    const place: Place = {
      root,
      home: this.shell,
      // The conversation of another token is another's.
      user: `widget.${token.slice(-8)}`,
      name: "gtm.widget",
      arrive: (message) => log?.scrollTo({ top: (message as HTMLElement).offsetTop - 12 }),
    };
    this.talk = new Conversing(place, this.port);
  }

  private obey(event: KeyboardEvent): void {
    if (event.key !== "Escape" || this.shell.classList.contains("is-listening")) return;
    event.preventDefault();
    this.close();
  }

  private build(): void {
    this.launcher = button("", () => this.open(), { class: "ask", part: "launcher", "aria-expanded": "false", "aria-haspopup": "dialog" });
    this.launcher.append(icon("talk"), element("span", { "data-told": true }));
    this.panel = element(
      "div",
      { class: "panel", part: "panel", role: "dialog", hidden: true },
      element(
        "div",
        { class: "head", part: "head" },
        element("h2", { part: "title", "data-told": true }),
        signed("speak", "Speak answers", { class: "quiet icon", hidden: true, "aria-pressed": "false", title: "Answer spoken questions aloud" }, icon("loud", "if-pressed"), icon("mute", "unless-pressed")),
        element("button", { type: "button", class: "quiet", id: "new" }, "New"),
        button("Close", () => this.close(), { class: "quiet" }),
      ),
      element(
        "div",
        { class: "talk-log", part: "log", tabindex: 0, role: "group", "aria-label": "What was said" },
        element("div", { class: "welcome", id: "welcome", hidden: true }, element("p", {}, "Ask in your own words, or start with one of these."), element("div", { class: "offers", id: "suggestions" })),
        element("div", { class: "log", id: "log", role: "log", "aria-label": "Conversation" }),
      ),
      element("div", { class: "bottom", part: "bottom" }, element("div", { id: "trouble", role: "alert" }), composer(), element("p", { class: "ears", id: "ears", hidden: true }), element("p", { class: "ears", id: "listening-hint", hidden: true })),
    );
    this.shell.append(icons(), this.panel, this.launcher);
    this.attributeChangedCallback();
  }
}

function composer(): HTMLElement {
  const level = element("span", { class: "level", "aria-hidden": "true" }, ...Array.from({ length: 7 }, () => element("i")));
  return element(
    "form",
    { id: "composer", part: "composer", autocomplete: "off" },
    element(
      "div",
      { class: "field" },
      element("label", { class: "unseen", for: "text" }, "Message"),
      element("input", { id: "text", part: "input", type: "text", maxlength: 10_000, enterkeyhint: "send", placeholder: "Ask …" }),
      element(
        "div",
        { class: "listening", id: "listening", hidden: true },
        element("span", { class: "lamp", "aria-hidden": "true" }),
        element("span", { class: "dots", id: "listening-stage", role: "status" }),
        element("span", { class: "clock", id: "listening-time", role: "timer" }),
        level,
        element("button", { type: "button", class: "quiet", id: "listening-cancel" }, "Cancel"),
      ),
    ),
    signed("talk", "Hold to talk", { class: "icon", part: "talk", hidden: true, "aria-pressed": "false", title: "Hold to talk, or tap and talk" }, icon("talk")),
    element("button", { type: "submit", class: "send", part: "send", id: "send" }, "Send"),
  );
}

function signed(id: string, label: string, attributes: Attributes, ...signs: SVGElement[]): HTMLElement {
  return element("button", { type: "button", id, "aria-label": label, ...attributes }, ...signs);
}

function icon(name: string, when = ""): SVGElement {
  return drawn("svg", { class: `drawn ${when}`, "aria-hidden": "true" }, drawn("use", { href: `#icon-${name}` }));
}

/** The same signs as on our own pages. */
function icons(): SVGElement {
  const symbol = (name: string, ...shapes: SVGElement[]) => drawn("symbol", { id: `icon-${name}`, viewBox: "0 0 24 24" }, ...shapes);
  const path = (d: string) => drawn("path", { d });
  const box = (x: number, y: number, width: number, height: number, rx: number) => drawn("rect", { x, y, width, height, rx });
  return drawn(
    "svg",
    { width: 0, height: 0, class: "unseen", "aria-hidden": "true" },
    symbol("talk", box(9, 3, 6, 11, 3), path("M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M8.5 21h7")),
    symbol("loud", path("M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z"), path("M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11")),
    symbol("mute", path("M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z"), path("m16 9.5 5 5M21 9.5l-5 5")),
    symbol("stop", box(7, 7, 10, 10, 1.5)),
  );
}

let made: CSSStyleSheet | null = null;

/** A sheet made by script: a strict content policy forbids style elements, not this. */
function styles(): CSSStyleSheet {
  if (!made) {
    made = new CSSStyleSheet();
    // The site's own letter size is no measure inside.
    made.replaceSync(sheet.replace(/([\d.]+)rem/g, (_, number) => `${Number(number) * PIXELS}px`));
  }
  return made;
}

function placed(): void {
  if (!(script instanceof HTMLScriptElement) || !script.dataset.token || document.querySelector(NAME)) return;
  const assistant = document.createElement(NAME);
  for (const [name, value] of Object.entries(script.dataset)) assistant.setAttribute(name, value ?? "");
  document.body.append(assistant);
}

if (!customElements.get(NAME)) {
  customElements.define(NAME, Assistant);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", placed);
  else placed();
}
