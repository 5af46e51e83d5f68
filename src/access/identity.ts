import type { Problem } from '../http/problem.ts'
import type { Scope } from '../schemas/routes.ts'

/** Who makes a request, as established by one of the ways to sign in. */
export interface Identity {
  /** For logs and job records: the token's name, or the e-mail address of a person. Never a secret. */
  name: string
  scope: Scope
  /** The identity sees and changes only names that begin with this. */
  prefix?: string
  /** When a session ends, in Unix seconds. */
  expires?: number
  via: 'token' | 'access' | 'session' | 'signed-url' | 's3'
}

/** The result of one way to sign in: an identity, why it is refused, or `null` if the request does not use this way. */
export type Authentication = Identity | { refusal: Problem } | null
