/** DER's tags that lead to a certificate's public key (RFC 5280 §4.1). */
const SEQUENCE = 0x30
const VERSION = 0xa0
/** After the version: serial number, signature, issuer, validity, subject, and then the key. */
const KEY_INDEX = 5

interface Element {
  tag: number
  /** With tag and length, and where its content begins in it. */
  bytes: Uint8Array<ArrayBuffer>
  start: number
}

/** The public key (SubjectPublicKeyInfo) of an X.509 certificate in PEM. Throws if it is none. The certificate is not checked. */
export function publicKeyOf(pem: string): Uint8Array<ArrayBuffer> {
  const base64 = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(pem)?.[1]
  if (base64 === undefined) throw new Error('it is no certificate in PEM')
  const [certificate] = elementsOf(Uint8Array.fromBase64(base64))
  const [signed] = contentOf(certificate)
  const [first, ...others] = contentOf(signed)
  const fields = first?.tag === VERSION ? others : [first, ...others]
  const key = fields[KEY_INDEX]
  if (key?.tag !== SEQUENCE) throw new Error('the certificate has no public key')
  return key.bytes
}

function contentOf(element: Element | undefined): Element[] {
  if (element?.tag !== SEQUENCE) throw new Error('it is no certificate')
  return elementsOf(element.bytes.subarray(element.start))
}

function elementsOf(bytes: Uint8Array<ArrayBuffer>): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length;) {
    const { start, end } = extentOf(bytes, at)
    elements.push({ tag: bytes[at] ?? 0, bytes: bytes.subarray(at, end), start: start - at })
    at = end
  }
  return elements
}

/** Where the content of the element at that position begins and ends. */
function extentOf(bytes: Uint8Array, at: number): { start: number; end: number } {
  const first = bytes[at + 1] ?? 0
  // A long form: its low bits say how many bytes of length follow.
  const lengthBytes = first < 0x80 ? 0 : first - 0x80
  const start = at + 2 + lengthBytes
  const length =
    lengthBytes === 0 ? first : bytes.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0)
  if (start + length > bytes.length) throw new Error('the certificate is cut off')
  return { start, end: start + length }
}
