import type { Scope } from '../schemas/routes.ts'
import type { Identity } from './identity.ts'

/** A key pair of an S3 client as it is configured. */
export interface S3Key {
  /** The access key id, which requests name. */
  id: string
  /** The secret access key. Never shown. */
  secret: string
  scope: Scope
  /** Ends in `/`. Without it, the key is for all names. */
  prefix?: string
}

/** Whose request it is, once its signature holds. */
export function identityOf(key: S3Key): Identity {
  const { id: name, secret: _, ...others } = key
  return { name, ...others, via: 's3' }
}
