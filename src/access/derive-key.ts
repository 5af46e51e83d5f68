const HMAC = { name: 'HMAC', hash: 'SHA-256' }
const encoder = new TextEncoder()

/** A key for one purpose, in base64url: it tells nothing about the secrets, nor about the keys for other purposes. */
export async function deriveKey(secrets: readonly string[], purpose: string): Promise<string> {
  const secret = encoder.encode(JSON.stringify(secrets))
  const key = await crypto.subtle.importKey('raw', secret, HMAC, false, ['sign'])
  const derived = await crypto.subtle.sign('HMAC', key, encoder.encode(`fallback-storage ${purpose}`))
  return new Uint8Array(derived).toBase64({ alphabet: 'base64url', omitPadding: true })
}
