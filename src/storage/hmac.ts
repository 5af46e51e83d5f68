const HMAC = { name: 'HMAC', hash: 'SHA-256' }
const BASE64URL = { alphabet: 'base64url' } as const
const encoder = new TextEncoder()

type Bytes = Uint8Array<ArrayBuffer>

export function importHmacKey(secret: string | Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytesOf(secret), HMAC, false, ['sign', 'verify'])
}

export async function hmac(key: CryptoKey, message: string | Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, bytesOf(message)))
}

/** Whether it is the HMAC of the message. In constant time. */
export function hmacHolds(key: CryptoKey, mac: Bytes, message: string | Bytes): Promise<boolean> {
  return crypto.subtle.verify('HMAC', key, mac, bytesOf(message))
}

/** Without padding. */
export function toBase64url(content: string | Bytes): string {
  return bytesOf(content).toBase64({ ...BASE64URL, omitPadding: true })
}

/** The bytes of what `toBase64url` has written; `undefined` for any other way to write them. */
export function fromBase64url(text: string): Bytes | undefined {
  const padding = '='.repeat((4 - (text.length % 4)) % 4)
  try {
    return Uint8Array.fromBase64(text + padding, { ...BASE64URL, lastChunkHandling: 'strict' })
  } catch {
    return undefined
  }
}

function bytesOf(content: string | Bytes): Bytes {
  return typeof content === 'string' ? (encoder.encode(content) as Bytes) : content
}
