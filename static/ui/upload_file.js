/* Reads a file of this device piece by piece: its two ends for the sniff, its parts for the comparison with the ledger. */
import { call } from "./upload_api.js";
import { crc32c } from "./crc32c.js";

export const HEAD_BYTES = 1 << 20;
export const TAIL_BYTES = 1 << 16;
const PIECE_BYTES = 4 << 20;

/** Return the first megabyte and the last 64 kilobytes as base64; nothing else is read. */
export async function ends(file) {
  const head = await base64(file.slice(0, HEAD_BYTES));
  const tail = file.size > HEAD_BYTES ? await base64(file.slice(Math.max(HEAD_BYTES, file.size - TAIL_BYTES))) : null;
  return { head, tail };
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Return the CRC-32C of a range of the file, read in pieces. */
async function digest(file, start, end) {
  let crc = 0;
  for (let at = start; at < end; at += PIECE_BYTES) {
    crc = crc32c(new Uint8Array(await file.slice(at, Math.min(end, at + PIECE_BYTES)).arrayBuffer()), crc);
  }
  return crc;
}

/** Return every part that the server has of an upload, in order, the one that is not whole at the end. */
async function parts(upload) {
  const found = [];
  let cursor = null;
  let open = null;
  do {
    const query = cursor ? `?limit=200&cursor=${encodeURIComponent(cursor)}` : "?limit=200";
    const page = await call("GET", `/v1/uploads/${upload}/parts${query}`);
    found.push(...page.items);
    cursor = page.nextCursor;
    open = page.open;
  } while (cursor);
  let at = 0;
  const placed = found.map((part) => ({ start: at, end: (at += part.sizeBytes), crc32c: part.crc32c }));
  if (open) placed.push({ start: open.offset, end: open.offset + open.sizeBytes, crc32c: open.crc32c });
  return placed;
}

/** Compare the file with what the server received; returns null when all agrees, else where the first difference is.
 *  `moved(done, total)` is told about progress. */
export async function difference(file, upload, moved = () => {}) {
  const received = await parts(upload);
  const total = received.length ? received[received.length - 1].end : 0;
  for (const part of received) {
    if (part.end > file.size || (await digest(file, part.start, part.end)) !== part.crc32c) return part;
    moved(part.end, total);
  }
  return null;
}
