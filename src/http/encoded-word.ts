const PLAIN = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/
const ENCODED_WORD = /=\?([^?\s]+)\?([bq])\?([^?\s]*)\?=/gi
const BETWEEN_WORDS = /(\?=)[\t ]+(?==\?[^?\s]+\?[bq]\?[^?\s]*\?=)/gi

/**
 * A metadata value as a header can carry it: plain ASCII unchanged, anything else as one RFC 2047 encoded word.
 * S3 and R2 do the same, so their clients read and write it.
 */
export function encodeWord(value: string): string {
  // A reader would decode text that looks like an encoded word.
  if (PLAIN.test(value) && !value.includes('=?')) return value
  return `=?UTF-8?B?${new TextEncoder().encode(value).toBase64()}?=`
}

/** Decodes the encoded words of a header. Words in unknown charsets or with an invalid encoding stay as they are. */
export function decodeWords(header: string): string {
  if (!header.includes('=?')) return header
  // RFC 2047 §6.2: blanks between two encoded words are not part of the value.
  return header
    .replace(BETWEEN_WORDS, '$1')
    .replace(ENCODED_WORD, (word, charset: string, encoding: string, text: string) => {
      try {
        const bytes = encoding.toUpperCase() === 'B' ? Uint8Array.fromBase64(text) : fromQuoted(text)
        return new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(bytes)
      } catch {
        return word
      }
    })
}

function fromQuoted(text: string): Uint8Array {
  const binary = text
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}
