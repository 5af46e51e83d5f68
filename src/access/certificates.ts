import { canonicalJson } from '../storage/canonical-json.ts'
import { fromBase64url, hmac, hmacHolds, importHmacKey, toBase64url } from '../storage/hmac.ts'
import { deriveKey } from './derive-key.ts'
import type { SigningKey } from './signed-url.ts'
import type { Token } from './tokens.ts'

/** A secret that signs certificates; its id is printed on them. */
export interface CertificateKey {
  id: string
  secret: string
}

interface Certified {
  certificate: { key_id: string | null; signature: string | null; algorithm: string | null } | null
}

const ALGORITHM = 'HMAC-SHA-256'
const VERSION = 'fallback-storage-certificate-v1'

/** The keys of a deployment: those for URLs, else the tokens that may do everything. */
export function certificateKeys(
  signingKeys: readonly SigningKey[],
  tokens: readonly Token[],
): CertificateKey[] {
  return [
    ...signingKeys.map(({ id, key }) => ({ id: `URL_SIGNING_KEYS ${id}`, secret: key })),
    ...tokens
      .filter(({ scope, prefix }) => scope === 'admin' && prefix === undefined)
      .map(({ name, token }) => ({ id: `token ${name}`, secret: token })),
  ]
}

/** With the signature of the first key; unchanged if there is none, or it is no certificate. */
export async function signCertificate<T extends Certified>(
  content: T,
  [key]: readonly CertificateKey[],
): Promise<T> {
  if (!content.certificate || !key) return content
  const certificate = { ...content.certificate, algorithm: ALGORITHM, key_id: key.id, signature: null }
  const mac = await hmac(await keyOf(key), messageOf({ ...content, certificate }))
  return { ...content, certificate: { ...certificate, signature: toBase64url(mac) } }
}

/** Whether one of these keys has signed exactly this content. */
export async function checkCertificate(
  content: Certified,
  keys: readonly CertificateKey[],
): Promise<'valid' | 'changed' | 'unsigned' | 'unknown key'> {
  const { signature = null, key_id: id } = content.certificate ?? {}
  if (!content.certificate || signature === null) return 'unsigned'
  const key = keys.find((one) => one.id === id)
  if (!key) return 'unknown key'
  const mac = fromBase64url(signature)
  const unsigned = { ...content, certificate: { ...content.certificate, signature: null } }
  return mac && (await hmacHolds(await keyOf(key), mac, messageOf(unsigned))) ? 'valid' : 'changed'
}

async function keyOf({ secret }: CertificateKey): Promise<CryptoKey> {
  return importHmacKey(await deriveKey([secret], 'certificate'))
}

function messageOf(content: Certified): string {
  return `${VERSION}\n${canonicalJson(content)}`
}
