import type { JWK, JWTVerifyGetKey } from 'jose'
import { JWKSNoMatchingKey } from 'jose/errors'
import * as v from 'valibot'
import { waitAtMost } from '../storage/wait-at-most.ts'

/** How long keys are used before they are fetched again. */
const MAX_AGE_MS = 10 * 60_000
/** The keys are requested once in this time at most, even if that fails: anyone can send tokens with unknown keys. */
const COOLDOWN_MS = 5000
const TIMEOUT_MS = 4000

const keySet = v.object({ keys: v.array(v.looseObject({})) })

/**
 * Finds the key of a token among those at `url`, which are fetched when they are first needed and again for an unknown
 * `kid`. `keepAlive` (`waitUntil`) lets a request for them continue after its client has left, since others wait for it.
 *
 * jose's own `createRemoteJWKSet` does not pause after a failure and, on Workers, shares no request between callers. Whether
 * the key fits the token is for `jwtVerify` to check.
 */
export function remoteKeys(url: string, keepAlive: (work: Promise<unknown>) => void): JWTVerifyGetKey {
  let known: { keys: Keys; fetched: number } | undefined
  let attempt: { began: number; keys: Promise<Keys> } | undefined

  const load = async (): Promise<Keys> => {
    const keys = await fetchKeys(url)
    known = { keys, fetched: Date.now() }
    return keys
  }
  const refresh = async (): Promise<Keys> => {
    if (!attempt || Date.now() - attempt.began >= COOLDOWN_MS) {
      attempt = { began: Date.now(), keys: load() }
      keepAlive(attempt.keys.catch(() => {}))
    }
    const keys = await waitAtMost(TIMEOUT_MS, attempt.keys)
    if (keys === 'late') throw new Error(`${url} did not answer in time`)
    return keys
  }
  return async ({ kid }) => {
    const isFresh = known !== undefined && Date.now() - known.fetched < MAX_AGE_MS
    const keys = known && isFresh ? known.keys : await refresh()
    const key = keys.get(kid) ?? (await refresh()).get(kid)
    if (!key || kid === undefined) throw new JWKSNoMatchingKey()
    return key
  }
}

/** By `kid`. */
type Keys = ReadonlyMap<unknown, JWK>

async function fetchKeys(url: string): Promise<Keys> {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`${url} answered with the status ${response.status}`)
  }
  const answer = await response.json()
  if (!v.is(keySet, answer)) throw new Error(`${url} answered with something else than a set of keys`)
  return new Map(answer.keys.map((key) => [key['kid'], key as JWK]))
}
