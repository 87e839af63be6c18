/* Bytes as text, and as a dump in hexadecimal. */

import { useState } from "preact/hooks";

const SHOWN = 4096; // bytes, until the reader asks for the rest
const LINE = 16;

/* The bytes of a value as the API sends it. */
export function bytesOf(value: string, encoding: string): Uint8Array {
  return encoding === "base64"
    ? Uint8Array.from(atob(value), (c) => c.charCodeAt(0))
    : new TextEncoder().encode(value);
}

/* In hexadecimal, 16 bytes a line. */
export function dump(bytes: Uint8Array): string {
  const lines = [];
  for (let at = 0; at < bytes.length; at += LINE) {
    const row = [...bytes.slice(at, at + LINE)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "."));
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex.padEnd(3 * LINE)} ${text.join("")}`);
  }
  return lines.join("\n");
}

interface Props {
  value: string;
  encoding: string;
  label: string;
}

export function Bytes({ value, encoding, label }: Props) {
  const [hex, setHex] = useState(encoding === "base64");
  const [whole, setWhole] = useState(false);
  const bytes = bytesOf(value, encoding);
  const cut = !whole && bytes.length > SHOWN;
  const shown = cut ? bytes.slice(0, SHOWN) : bytes;
  return (
    <>
      <div class="bar" role="group" aria-label={`${label}: view`}>
        {encoding === "base64" ? null : (
          <button aria-pressed={!hex} onClick={() => setHex(false)}>
            Text
          </button>
        )}
        <button aria-pressed={hex} onClick={() => setHex(true)}>
          Hexadecimal
        </button>
        {cut ? (
          <button onClick={() => setWhole(true)}>Show all {bytes.length} bytes</button>
        ) : (
          <span class="quiet">
            {bytes.length} {bytes.length === 1 ? "byte" : "bytes"}
          </span>
        )}
      </div>
      <pre class="bytes" tabIndex={0} role="region" aria-label={label}>
        {hex ? dump(shown) : new TextDecoder().decode(shown)}
      </pre>
    </>
  );
}
