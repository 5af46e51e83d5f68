/** A multipart upload in one backend. */
export interface BackendUpload {
  backend: string
  /** The backend's own id. */
  id: string
  /** Identifies the object that becomes of it. */
  mark: string
}

/** What an upload id is for. */
export interface UploadBinding {
  /** The deployment's secret. */
  key: string
  bucket: string
  name: string
}

const MAC_BYTES = 32
const HMAC = { name: 'HMAC', hash: 'SHA-256' }
const BASE64URL = { alphabet: 'base64url', omitPadding: true } as const

const encoder = new TextEncoder()

/**
 * The upload id that a client receives: base64url of an HMAC and JSON. Nothing is stored between its requests, so the id says
 * where the parts are. It is signed, and only valid for that bucket and name.
 */
export async function sealUploadId(upload: BackendUpload, binding: UploadBinding): Promise<string> {
  const json = JSON.stringify(upload)
  const mac = await crypto.subtle.sign('HMAC', await importKey(binding), signedBytes(json, binding))
  return new Uint8Array([...new Uint8Array(mac), ...encoder.encode(json)]).toBase64(BASE64URL)
}

/** What `sealUploadId` has sealed; `null` if it was for another name, or comes from elsewhere. */
export async function openUploadId(text: string, binding: UploadBinding): Promise<BackendUpload | null> {
  const bytes = decode(text)
  if (!bytes) return null
  const json = new TextDecoder().decode(bytes.subarray(MAC_BYTES))
  const mac = bytes.slice(0, MAC_BYTES)
  const holds = await crypto.subtle.verify('HMAC', await importKey(binding), mac, signedBytes(json, binding))
  return holds ? (JSON.parse(json) as BackendUpload) : null
}

function signedBytes(json: string, { bucket, name }: UploadBinding): Uint8Array {
  return encoder.encode(JSON.stringify([bucket, name]) + json)
}

function importKey({ key }: UploadBinding): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', encoder.encode(key), HMAC, false, ['sign', 'verify'])
}

function decode(text: string): Uint8Array | null {
  try {
    return Uint8Array.fromBase64(text, { alphabet: 'base64url' })
  } catch {
    return null
  }
}
