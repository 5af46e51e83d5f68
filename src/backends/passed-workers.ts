import { AsyncLocalStorage } from 'node:async_hooks'
import { StorageError } from '../storage/errors.ts'

/** Lists the deployments that a request has passed. `CDN-Loop` (RFC 8586) is for that, but Cloudflare writes it itself. */
const HEADER = 'Fallback-Storage-Via'
/** Development, staging and production are three. */
const MAX_PASSED = 8

const passedBefore = new AsyncLocalStorage<readonly string[]>()

/**
 * Answers a request, so that what is sent to origins meanwhile says which deployments it has passed.
 * Throws `loop` where this one is among them: then it is its own fallback, and would wait for itself.
 */
export function passOn<T>(headers: Headers, deploymentId: string, answer: () => T): T {
  const header = headers.get(HEADER)
  if (header === null) return answer()
  const passed: readonly string[] = header.match(/[0-9a-f]{8}/g) ?? []
  if (passed.includes(deploymentId))
    throw new StorageError('loop', 'the request has come back to this Worker: a backend leads to itself')
  if (passed.length >= MAX_PASSED)
    throw new StorageError(
      'loop',
      `the request has passed ${passed.length} Workers, each a fallback of the one before`,
    )
  return passedBefore.run(passed, answer)
}

/** The header for a request to an origin. */
export function passedHeader(deploymentId: string | undefined): Record<string, string> {
  if (deploymentId === undefined) return {}
  return { [HEADER]: [...(passedBefore.getStore() ?? []), deploymentId].join(', ') }
}
