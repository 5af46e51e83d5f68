import type { GenericSchema } from 'valibot'

export type QuerySchema = GenericSchema & {
  readonly entries: Readonly<
    Record<string, GenericSchema | (GenericSchema & { readonly wrapped: GenericSchema })>
  >
}

/** What one route takes and answers; the document is built from a table of these. */
export interface Operation {
  method: 'get' | 'head' | 'options' | 'put' | 'post' | 'delete'
  /** As OpenAPI writes it, below the media root: `/-/api/exists/{name}`. */
  path: string
  id: string
  tag: string
  summary: string
  description?: string
  /** Needs the bearer token. */
  protected?: true
  /** Gives more with the bearer token; a wrong one is refused. */
  takesToken?: true
  /** All its parameters are optional. */
  query?: QuerySchema
  /** Names of header parameters. */
  headers?: readonly string[]
  body?: RequestBody
  answers: Readonly<Record<number, Answer>>
  /** Statuses that are answered with a problem document. */
  problems?: readonly number[]
}

export interface RequestBody {
  schema?: GenericSchema
  /** Media types of bodies that are no JSON. */
  types?: readonly string[]
  required: boolean
  description?: string
}

export interface Answer {
  description: string
  schema?: GenericSchema
  /** Media type of an answer that is no JSON. */
  type?: string
  headers?: readonly string[]
}

/** What can go wrong when the chain is asked: nobody could say, or nobody implements it. */
export const CHAIN_PROBLEMS = [501, 502, 504, 508]
