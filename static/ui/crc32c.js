/* CRC-32C (Castagnoli), eight bytes a step: the digest of the part ledger. Values in, values out. */
const TABLES = (() => {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    tables[0][byte] = crc >>> 0;
  }
  for (let byte = 0; byte < 256; byte += 1) {
    for (let step = 1; step < 8; step += 1) {
      const before = tables[step - 1][byte];
      tables[step][byte] = (tables[0][before & 255] ^ (before >>> 8)) >>> 0;
    }
  }
  return tables;
})();
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES;

/** Return the CRC-32C of the bytes (Uint8Array), going on from an earlier one. */
export function crc32c(bytes, before = 0) {
  let crc = ~before;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc = T7[crc & 255] ^ T6[(crc >>> 8) & 255] ^ T5[(crc >>> 16) & 255] ^ T4[crc >>> 24]
      ^ T3[bytes[at + 4]] ^ T2[bytes[at + 5]] ^ T1[bytes[at + 6]] ^ T0[bytes[at + 7]];
  }
  for (; at < bytes.length; at += 1) crc = T0[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
