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
export function identityOf({ id, scope, prefix }: S3Key): Identity {
  return { name: id, scope, via: 's3', ...(prefix !== undefined && { prefix }) }
}
