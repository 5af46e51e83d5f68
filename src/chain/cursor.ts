import { decodeBase64Url, encodeBase64Url } from 'hono/utils/encode'
import { StorageError } from '../storage/errors.ts'
import type { Position } from './merge.ts'

/** Everything that the next page of a merged listing needs to know. */
export interface ListState {
  /** The last name taken, over all backends; absent before the first. */
  last?: string
  /** One for each listable backend, in the chain's order. */
  positions: Position[]
}

/** What a cursor is good for. */
export interface CursorBinding {
  /** The deployment's secret. */
  key: string
  /** Identifies the query (prefix, delimiter). */
  query: string
  /** Identifies the chain (its backends). */
  chain: string
}

const MAC_BYTES = 32
/** Keeps this use of the secret apart from any other; a new form of the state needs a new number. */
const PURPOSE = 'fallback-storage list cursor 2\0'
const HMAC = { name: 'HMAC', hash: 'SHA-256' }

const encoder = new TextEncoder()

interface Payload {
  query: string
  chain: string
  state: ListState
}

/**
 * An opaque cursor that holds `state` and is only good for that query, chain and key: base64url of an HMAC and JSON.
 *
 * It is signed because it holds the backends' own cursors, which may lead outside the prefix that a token is limited to.
 */
export async function sealCursor(state: ListState, { key, query, chain }: CursorBinding): Promise<string> {
  const payload: Payload = { query: await fingerprint(query), chain: await fingerprint(chain), state }
  const json = encoder.encode(JSON.stringify(payload))
  const bytes = new Uint8Array(MAC_BYTES + json.length)
  bytes.set(new Uint8Array(await crypto.subtle.sign('HMAC', await importKey(key), json)))
  bytes.set(json, MAC_BYTES)
  return encode(bytes.buffer)
}

/** The state that `sealCursor` put in; throws `invalid`, saying why, for any cursor but one of this very listing. */
export async function openCursor(cursor: string, { key, query, chain }: CursorBinding): Promise<ListState> {
  const bytes = decode(cursor)
  const [mac, json] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES)]
  if (!(await crypto.subtle.verify('HMAC', await importKey(key), mac, json)))
    throw invalid('the cursor was changed or cut short, or comes from another deployment or version')
  const payload = JSON.parse(new TextDecoder().decode(json)) as Payload
  if (payload.query !== (await fingerprint(query)))
    throw invalid('the cursor belongs to another listing: prefix and delimiter must stay the same')
  if (payload.chain !== (await fingerprint(chain)))
    throw invalid('the cursor is outdated: the backends have changed since; list again from the start')
  return payload.state
}

function encode(bytes: ArrayBuffer): string {
  return encodeBase64Url(bytes).replaceAll('=', '')
}

function decode(cursor: string): Uint8Array<ArrayBuffer> {
  try {
    const bytes = decodeBase64Url(cursor)
    // Padding, spaces and unused bits decode too: only the one spelling that was given out is accepted.
    if (encode(bytes.buffer) === cursor) return bytes
  } catch {
    // Thrown below, as for any other text that is no base64url.
  }
  throw invalid('the cursor is not one of this service, or was changed')
}

function importKey(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', encoder.encode(PURPOSE + secret), HMAC, false, ['sign', 'verify'])
}

/** Short, and says nothing about the configuration to whoever decodes a cursor. */
async function fingerprint(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(text))
  return encode(digest.slice(0, 9))
}

function invalid(why: string): StorageError {
  return new StorageError('invalid', why)
}
