import { hmac, hmacHolds, importHmacKey } from '../storage/hmac.ts'
import { setLatest } from '../storage/set-latest.ts'
import { sha256 } from '../storage/sha256.ts'

/** Clients use one region and one date at a time, so few are needed at once. */
const MAX_KEYS = 64
const derived = new Map<string, Promise<CryptoKey>>()

/** The key that signs requests of one credential scope: four HMACs, computed once (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). */
export function deriveSigningKey(secret: string, scope: string): Promise<CryptoKey> {
  const id = `${scope}/${secret}`
  const known = derived.get(id)
  if (known) return known
  const key = derive(secret, scope)
  setLatest(derived, id, key, MAX_KEYS)
  return key
}

async function derive(secret: string, scope: string): Promise<CryptoKey> {
  let key = await importHmacKey(`AWS4${secret}`)
  for (const part of scope.split('/')) key = await importHmacKey(await hmac(key, part))
  return key
}

/** What is signed: a hash or several, of a request or of a part of its body (`kind`). */
export function stringToSign(
  { time, scope }: { time: string; scope: string },
  hashes: string,
  kind = '',
): string {
  return `AWS4-HMAC-SHA256${kind}\n${time}\n${scope}\n${hashes}`
}

/** Whether the signature, 64 hex digits, is that of the text. */
export function signatureHolds(key: CryptoKey, signature: string, text: string): Promise<boolean> {
  return hmacHolds(key, Uint8Array.fromHex(signature), text)
}

export async function sha256Hex(text: string): Promise<string> {
  return (await sha256(text)).toHex()
}
