const HMAC = { name: 'HMAC', hash: 'SHA-256' }
const MAC_BYTES = 32
const encoder = new TextEncoder()

/** A value that clients keep and send back, but cannot make up or change: base64url of an HMAC and JSON. */
export async function seal(value: unknown, secret: string): Promise<string> {
  const json = encoder.encode(JSON.stringify(value))
  const mac = await crypto.subtle.sign('HMAC', await importKey(secret), json)
  const bytes = new Uint8Array([...new Uint8Array(mac), ...json])
  return bytes.toBase64({ alphabet: 'base64url', omitPadding: true })
}

/** What was sealed with the same secret; `undefined` if nothing was. There is one way to write it. */
export async function unseal(text: string, secret: string): Promise<unknown> {
  const bytes = decode(text)
  if (!bytes) return undefined
  const [mac, json] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES)]
  if (!(await crypto.subtle.verify('HMAC', await importKey(secret), mac, json))) return undefined
  return JSON.parse(new TextDecoder().decode(json))
}

function importKey(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', encoder.encode(secret), HMAC, false, ['sign', 'verify'])
}

function decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  const padding = '='.repeat((4 - (text.length % 4)) % 4)
  try {
    return Uint8Array.fromBase64(text + padding, { alphabet: 'base64url', lastChunkHandling: 'strict' })
  } catch {
    return undefined
  }
}
