import { hmac, importHmacKey, toBase64url } from '../storage/hmac.ts'

/** A key for one purpose, in base64url: it tells nothing about the secrets, nor about the keys for other purposes. */
export async function deriveKey(secrets: readonly string[], purpose: string): Promise<string> {
  const key = await importHmacKey(JSON.stringify(secrets))
  return toBase64url(await hmac(key, `fallback-storage ${purpose}`))
}
