import { StorageError } from '../storage/errors.ts'

/** Where one backend stands between two pages of a merged listing. */
export interface Position {
  /** `new`: it has never answered in this walk. `done`: it has nothing more. */
  state: 'new' | 'open' | 'done'
  /** The backend's own cursor of the page that holds its next entry; without it, the last name consumed is the position. */
  cursor?: string
  /** Entries of that page already consumed. */
  skip?: number
  /** Its next entry, when that is far ahead: until then it need not be asked. */
  ahead?: string
}

/** Everything that the next page of a merged listing needs to know. */
export interface ListState {
  /** The last name consumed, over all backends; absent before the first. */
  last?: string
  /** One for each listable backend, in the chain's order. */
  positions: Position[]
}

/** What a cursor is bound to. */
export interface CursorBinding {
  /** The deployment's secret; a string's UTF-8 bytes are the HMAC key. */
  key: CryptoKey | string
  /** Identifies the query (prefix, delimiter). */
  query: string
  /** Identifies the chain (its backends). */
  chain: string
}

// Frame: version (1 byte), length of all that follows (2 bytes), JSON, first 16 bytes of the HMAC over all before it.
const VERSION = 1
const HEADER_BYTES = 3
const MAC_BYTES = 16
const MAX_LENGTH = 65_535
/** Keeps this use of the secret apart from any other. */
const PURPOSE = 'fallback-storage list cursor\0'

const encoder = new TextEncoder()

interface Payload {
  query: string
  chain: string
  state: ListState
}

/** An opaque, tamper-evident cursor that holds `state` and is only good for that query, chain and key. */
export async function sealCursor(state: ListState, binding: CursorBinding): Promise<string> {
  const [query, chain] = await Promise.all([fingerprint(binding.query), fingerprint(binding.chain)])
  const json = encoder.encode(JSON.stringify({ query, chain, state } satisfies Payload))
  const rest = json.length + MAC_BYTES
  if (rest > MAX_LENGTH) throw new StorageError('unavailable', 'a backend gave an oversized listing cursor')
  const frame = new Uint8Array(HEADER_BYTES + rest)
  frame.set([VERSION, rest >> 8, rest & 0xff])
  frame.set(json, HEADER_BYTES)
  frame.set(await mac(frame.subarray(0, -MAC_BYTES), binding.key), frame.length - MAC_BYTES)
  return toBase64Url(frame)
}

/** The state that `sealCursor` put in; throws `invalid`, saying why, for any other cursor than one of this very listing. */
export async function openCursor(cursor: string, binding: CursorBinding): Promise<ListState> {
  const frame = fromBase64Url(cursor)
  if (!frame) throw invalid('the cursor is not one of this service, or was changed')
  const [version, high = 0, low = 0] = frame
  if (frame.length < HEADER_BYTES + MAC_BYTES || frame.length < HEADER_BYTES + high * 256 + low)
    throw invalid('the cursor is cut short')
  const expected = await mac(frame.subarray(0, -MAC_BYTES), binding.key)
  if (!equal(frame.subarray(-MAC_BYTES), expected))
    throw invalid('the cursor was changed, or comes from another deployment')
  // Checked after the MAC, so that a changed version byte counts as a change.
  if (version !== VERSION) throw invalid('the cursor is outdated: another version of the service made it')
  const payload = JSON.parse(new TextDecoder().decode(frame.subarray(HEADER_BYTES, -MAC_BYTES))) as Payload
  if (payload.query !== (await fingerprint(binding.query)))
    throw invalid('the cursor belongs to another listing: prefix and delimiter must stay the same')
  if (payload.chain !== (await fingerprint(binding.chain)))
    throw invalid('the cursor is outdated: the backends have changed since; list again from the start')
  return payload.state
}

async function mac(bytes: Uint8Array, key: CryptoKey | string): Promise<Uint8Array> {
  const purpose = encoder.encode(PURPOSE)
  const input = new Uint8Array(purpose.length + bytes.length)
  input.set(purpose)
  input.set(bytes, purpose.length)
  const hmac = await crypto.subtle.sign('HMAC', typeof key === 'string' ? await importKey(key) : key, input)
  return new Uint8Array(hmac, 0, MAC_BYTES)
}

function importKey(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])
}

async function fingerprint(text: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)), 0, 9))
}

/** In constant time: how far a forged MAC is right must not show. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0)
  return difference === 0
}

function toBase64Url(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[\w-]+$/.test(text)) return undefined
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0))
    // atob ignores unused bits in the last character: only the one canonical spelling is ours.
    return toBase64Url(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}

function invalid(why: string): StorageError {
  return new StorageError('invalid', why)
}
