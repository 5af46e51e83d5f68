import type { Context } from 'hono'
import type { Identity } from '../../access/identity.ts'
import type { Verified } from '../../s3/verify.ts'
import type { AppEnv } from '../context.ts'

/** A request of an S3 client whose signature holds, and whose key has the operation's scope. */
export interface S3Request {
  c: Context<AppEnv>
  request: Request
  identity: Identity
  /** How the body was signed and is framed. */
  payload: Verified['payload']
  bucket: string
  /** The object's name; empty for operations on buckets. Within the key's prefix. */
  key: string
  /** The query, decoded. */
  query: ReadonlyMap<string, string>
}
