/** Bytes as text, for what is kept or comes in JSON. */

/** A blob as base64. */
export function packed(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(text(reader).slice(text(reader).indexOf("base64,") + 7)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}

/** The bytes of base64. */
export function unpacked(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function text(reader: FileReader): string {
  return String(reader.result);
}
