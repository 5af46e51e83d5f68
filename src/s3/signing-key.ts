const HMAC = { name: 'HMAC', hash: 'SHA-256' }
const encoder = new TextEncoder()

/** Clients use one region and one date at a time, so few are needed at once. */
const MAX_KEYS = 64
const derived = new Map<string, Promise<CryptoKey>>()

/** The key that signs requests of one day and region: four HMACs, computed once (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). */
export function deriveSigningKey(secret: string, date: string, region: string): Promise<CryptoKey> {
  const id = `${date}/${region}/${secret}`
  const known = derived.get(id)
  if (known) return known
  if (derived.size >= MAX_KEYS) derived.delete(derived.keys().next().value ?? '')
  const key = derive(secret, [date, region, 's3', 'aws4_request'])
  derived.set(id, key)
  return key
}

async function derive(secret: string, scope: readonly string[]): Promise<CryptoKey> {
  let key = await importKey(encoder.encode(`AWS4${secret}`))
  for (const part of scope) key = await importKey(await crypto.subtle.sign('HMAC', key, encoder.encode(part)))
  return key
}

function importKey(bytes: BufferSource): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, HMAC, false, ['sign', 'verify'])
}

/** Whether the signature, 64 hex digits, is that of the text. In constant time. */
export function hmacHolds(key: CryptoKey, signature: string, text: string): Promise<boolean> {
  return crypto.subtle.verify('HMAC', key, Uint8Array.fromHex(signature), encoder.encode(text))
}

export async function sha256Hex(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))).toHex()
}
