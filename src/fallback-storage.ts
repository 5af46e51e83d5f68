import * as v from 'valibot'
import { deploy } from './deploy.ts'
import type { Deployment } from './deployment.ts'
import { typeOfName } from './http/media-types.ts'
import { exists, existsAll } from './methods/exists.ts'
import * as methods from './methods/methods.ts'
import { validName } from './methods/names.ts'
import { putObject } from './methods/put-object.ts'
import { availableName, save } from './methods/save.ts'
import type { Body, UploadOptions } from './methods/upload.ts'
import { type MergedPage, mergeList, type MergeListOptions } from './chain/merge-list.ts'
import type { ReadEvent } from './observe/tally.ts'
import { type Options, parseOptions } from './options.ts'
import { cursorKey } from './routes/api/listing.ts'
import { urlFor } from './routes/api/methods.ts'
import { finish } from './routes/finish.ts'
import { urlQuery } from './schemas/requests.ts'
import type { GetOptions } from './storage/backend.ts'
import { isCallersFault, StorageError } from './storage/errors.ts'
import { withinInvocation } from './storage/invocation.ts'
import { checkName } from './storage/name.ts'
import {
  type Digests,
  type ObjectInfo,
  type Representation,
  representationOf,
  type StoredObject,
} from './storage/object.ts'
import type { Trace } from './storage/trace.ts'

export type OpenOptions = Pick<GetOptions, 'range' | 'signal'>

export type StoreBody = ReadableStream<Uint8Array> | Uint8Array | ArrayBuffer | Blob | string

export interface StoreOptions extends Representation {
  /** Bytes of a stream: without it, a large one is stored in parts. */
  size?: number
  /** If one differs from the body's, nothing is stored. */
  digests?: Digests
  signal?: AbortSignal
}

export interface LinkOptions {
  /** Seconds that a signed URL works. */
  expiresIn?: number
  /** Sent instead of the object's own Content-Disposition. */
  contentDisposition?: string
}

export type PageOptions = Pick<MergeListOptions, 'limit' | 'cursor'>

export interface ListingOptions extends PageOptions {
  prefix?: string
  /** Names that contain it after the prefix are rolled up into directories. */
  delimiter?: '/'
}

export type Listing = Omit<MergedPage, 'failures'>

/**
 * The methods of the JSON API, in the Worker itself. What no backend has is `null`; a failure is thrown as a StorageError.
 * Each call counts as a part of the request that makes it.
 */
export class DeployedStorage {
  readonly #deployment: () => Deployment

  constructor(deployment: () => Deployment) {
    this.#deployment = deployment
  }

  /** The object and its bytes, which must be read or cancelled. With `migration`, it is copied into the primary. */
  open(name: string, options: OpenOptions = {}): Promise<StoredObject | null> {
    return this.#read(name, async ({ chain, migration }, trace) => {
      const object = await chain.get(name, { ...options, trace, speculative: true })
      if (object) migration.writeBack(object, trace)
      return object
    })
  }

  /** The object without its bytes. */
  head(name: string): Promise<ObjectInfo | null> {
    return this.#read(name, ({ chain }, trace) => chain.head(name, { trace }))
  }

  exists(name: string): Promise<boolean> {
    return this.#run(name, ({ chain }) => exists(chain, name))
  }

  existsAll(names: readonly string[]): Promise<Map<string, boolean>> {
    return this.#run(names, ({ chain }) => existsAll(chain, names))
  }

  /** In bytes. */
  size(name: string): Promise<number | null> {
    return this.#run(name, ({ chain }) => methods.size(chain, name))
  }

  accessedTime(name: string): Promise<Date | null> {
    return this.#run(name, ({ chain }) => methods.time(chain, name, 'accessed'))
  }

  createdTime(name: string): Promise<Date | null> {
    return this.#run(name, ({ chain }) => methods.time(chain, name, 'created'))
  }

  modifiedTime(name: string): Promise<Date | null> {
    return this.#run(name, ({ chain }) => methods.time(chain, name, 'modified'))
  }

  /** Where a client can fetch the object. It needs the option `mediaUrl`. */
  url(name: string, options: LinkOptions = {}): Promise<string> {
    return this.#run(name, async (deployment) => {
      const { mediaUrl, mediaAccess, urlSigner } = deployment.config
      checkLink(options)
      const why = 'without a request, URLs need the option `mediaUrl`: the public base of the media'
      if (mediaUrl === undefined) throw new StorageError('unsupported', why)
      const isSigned = mediaAccess === 'signed' || Object.keys(options).length > 0
      if (isSigned && mediaAccess === 'token')
        throw new StorageError('invalid', 'no URLs are signed where reads need a token (`mediaAccess`)')
      const signer = isSigned ? urlSigner : undefined
      if (options.contentDisposition !== undefined && !signer)
        throw new StorageError('invalid', 'contentDisposition: needs the option `urlSigningKeys`')
      return urlFor(deployment, name, { base: mediaUrl, signer, ...options })
    })
  }

  /** The path inside the backend, such as `r2://bucket/key`. */
  path(name: string): Promise<string> {
    return this.#run(name, async ({ chain }) => methods.path(chain, name))
  }

  /** Stores the body under the first available name, and returns that name. */
  save(name: string, body: StoreBody, options?: StoreOptions): Promise<string> {
    return this.#change(name, async ({ chain, config }, changed) => {
      const upload = await uploadOf(name, body, { ...options, ...limitOf(config) })
      const saved = await save(chain, name, upload.body, upload.options)
      changed.push(saved.name)
      return saved.name
    })
  }

  /** Stores the body under this name, and replaces what was there. */
  put(
    name: string,
    body: StoreBody,
    options?: StoreOptions,
  ): Promise<{ info: ObjectInfo; created: boolean }> {
    return this.#change(name, async ({ chain, config }) => {
      const upload = await uploadOf(name, body, { ...options, ...limitOf(config) })
      return putObject(chain, name, upload.body, upload.options)
    })
  }

  /** Succeeds whether or not there was an object. */
  delete(name: string): Promise<void> {
    return this.#change(name, ({ chain }) => chain.delete(name))
  }

  /** The name as Django's `get_valid_name` makes it. */
  validName(name: string): string {
    return validName(name)
  }

  /** The name under which `save` would store now. */
  availableName(name: string): Promise<string> {
    return this.#run(name, ({ chain }) => availableName(chain, name))
  }

  /** One page of all names that begin with a prefix. Backends that failed are in `degraded`. */
  list({ prefix = '', delimiter, ...page }: ListingOptions = {}): Promise<Listing> {
    return this.#run([], async (deployment) => {
      const { chain } = deployment
      const options = { ...page, ...(await listingOf(deployment)), ...(delimiter && { delimiter }), prefix }
      const { failures: _, ...listed } = await mergeList(chain.backends, options)
      return listed
    })
  }

  /** What is in a path, by local names, as Django's `listdir` has it. */
  listdir(path: string, page: PageOptions = {}): Promise<methods.DirectoryPage> {
    return this.#run([], async (deployment) =>
      methods.listdir(deployment.chain.backends, path, { ...page, ...(await listingOf(deployment)) }),
    )
  }

  /** Counts the read as one by a client: it needs the backends as much. */
  #read<Info extends ObjectInfo>(
    name: string,
    read: (deployment: Deployment, trace: Trace) => Promise<Info | null>,
  ): Promise<Info | null> {
    return this.#run(name, async (deployment) => {
      const { chain, series } = deployment
      const attempts: Trace = []
      const count = (outcome: ReadEvent['outcome'], backend?: string): void =>
        series?.tally.addRead({ outcome, backend, name, attempts })
      try {
        const found = await read(deployment, attempts)
        const isPrimary = found?.backend === chain.backends[0]?.name
        if (found) count(isPrimary ? 'hit' : 'fallback', found.backend)
        else count('absent')
        return found
      } catch (error) {
        count(isCallersFault(error) ? 'refused' : 'failed')
        throw error
      }
    })
  }

  /** Purges the names that are changed from the edge cache before it ends. */
  #change<T>(name: string, change: (deployment: Deployment, changed: string[]) => Promise<T>): Promise<T> {
    const changeAndPurge = async (deployment: Deployment): Promise<T> => {
      const changed = [name]
      try {
        return await change(deployment, changed)
      } finally {
        // A write that failed may have changed something all the same.
        await deployment.purge(...changed)
      }
    }
    return this.#run(name, (deployment) => finish(changeAndPurge(deployment)))
  }

  #run<T>(names: string | readonly string[], method: (deployment: Deployment) => Promise<T>): Promise<T> {
    return withinInvocation(async () => {
      for (const name of [names].flat()) checkName(name)
      return method(this.#deployment())
    })
  }
}

/**
 * The chain of these backends, without an app. Breakers and caches live in it, so make one for the Worker, not one for each
 * request: with the bindings of `import { env } from 'cloudflare:workers'`.
 */
export class FallbackStorage extends DeployedStorage {
  constructor(storages: Options['storages'], options: Omit<Options, 'storages'> = {}) {
    const config = parseOptions({ ...options, storages }, {})
    let deployment: Deployment | undefined
    // Not before a request: the runtime allows less until then.
    super(() => (deployment ??= deploy(config)))
  }
}

/** As the route of the API: other URLs would be refused once they are used. */
function checkLink({ expiresIn, contentDisposition }: LinkOptions): void {
  const { issues: [issue] = [] } = v.safeParse(urlQuery, {
    ...(expiresIn !== undefined && { expires_in: String(expiresIn) }),
    ...(contentDisposition !== undefined && { 'response-content-disposition': contentDisposition }),
  })
  if (!issue) return
  const option = issue.path?.[0].key === 'expires_in' ? 'expiresIn' : 'contentDisposition'
  throw new StorageError('invalid', `${option}: ${issue.message}`)
}

async function listingOf(deployment: Deployment) {
  return { cursorKey: await cursorKey(deployment), tombstones: deployment.chain.tombstones }
}

async function uploadOf(
  name: string,
  given: StoreBody,
  { size, maxBytes, digests, signal, ...attributes }: StoreOptions & Pick<UploadOptions, 'maxBytes'>,
): Promise<{ body: Body; options: UploadOptions }> {
  const isHeld = given instanceof ReadableStream || given instanceof Uint8Array
  const body = isHeld ? given : new Uint8Array(await new Response(given).arrayBuffer())
  const contentType = (given instanceof Blob && given.type) || typeOfName(name)
  const options = {
    info: representationOf({ ...(contentType !== undefined && { contentType }), ...attributes }),
    ...(size !== undefined && { size }),
    ...(maxBytes !== undefined && { maxBytes }),
    ...(digests && { digests }),
    ...(signal && { signal }),
  }
  return { body, options }
}

function limitOf({ maxUploadBytes }: Deployment['config']): Pick<UploadOptions, 'maxBytes'> {
  return maxUploadBytes === undefined ? {} : { maxBytes: maxUploadBytes }
}
