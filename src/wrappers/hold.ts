import { refuseBody } from '../bodies/cancel.ts'
import type { Backend, GetOptions } from '../storage/backend.ts'
import type { StoredObject } from '../storage/object.ts'

/** Holds what a speculative request has found until it is needed: before that, none of its body is read, and no wait for it has begun. */
export function withHeldBodies(backend: Backend): Backend {
  return {
    ...backend,
    get(name, options) {
      const found = backend.get(name, options)
      return options?.needed ? held(found, options) : found
    },
  }
}

async function held(
  found: Promise<StoredObject | null>,
  { needed, onHeld }: GetOptions,
): Promise<StoredObject | null> {
  const object = await found
  if (!object) return null
  onHeld?.()
  try {
    await needed
  } catch (error) {
    return refuseBody(object.body, error)
  }
  return object
}
