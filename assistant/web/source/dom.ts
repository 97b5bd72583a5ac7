/** Elements made from data: text always becomes text, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Attributes by name; null, undefined and false leave one out. */
export type Attributes = Record<string, string | number | boolean | null | undefined>;
export type Child = Node | string | null | undefined;

/** A page, or the inside of an element that keeps its own apart. */
export type Root = Document | ShadowRoot;

/** An element that is always there. */
export function part<E extends HTMLElement = HTMLElement>(root: Root, id: string): E {
  const found = root.getElementById(id);
  if (!found) throw new Error(`no #${id}`);
  return found as E;
}

/** An HTML element with attributes and children (elements or text; null and undefined are left out). */
export function element<K extends keyof HTMLElementTagNameMap>(name: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function drawn<K extends keyof SVGElementTagNameMap>(name: K, attributes: Attributes = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled<E extends Element>(made: E, attributes: Attributes, children: Child[]): E {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child): child is Node | string => child !== null && child !== undefined));
  return made;
}

/** A button that does something when it is pressed. */
export function button(label: string, press: (event: MouseEvent) => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", press);
  return made;
}
