import { fromBase64url, hmac, hmacHolds, importHmacKey, toBase64url } from './hmac.ts'

const MAC_BYTES = 32

/** A value that clients keep and send back, but cannot make up or change: base64url of an HMAC and JSON. */
export async function seal(value: unknown, secret: string): Promise<string> {
  const json = JSON.stringify(value)
  const mac = await hmac(await importHmacKey(secret), json)
  return toBase64url(new Uint8Array([...mac, ...new TextEncoder().encode(json)]))
}

/** What was sealed with the same secret; `undefined` if nothing was. There is one way to write it. */
export async function unseal(text: string, secret: string): Promise<unknown> {
  const bytes = fromBase64url(text)
  if (!bytes) return undefined
  const [mac, json] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES)]
  if (!(await hmacHolds(await importHmacKey(secret), mac, json))) return undefined
  return JSON.parse(new TextDecoder().decode(json))
}
