import { describe } from 'vitest'
import type { Backend } from '../../src/storage/backend.ts'
import { describeAttributes } from './conformance-attributes.ts'
import { describeListing } from './conformance-list.ts'
import { describeMultipart } from './conformance-multipart.ts'
import { describeNames } from './conformance-names.ts'
import { describeReading } from './conformance-read.ts'
import { describeWriting } from './conformance-write.ts'

/** What a backend is expected to do beyond get and head; a suite is left out where it says no. */
export interface Traits {
  writable: boolean
  listable: boolean
  /** Conditional puts are atomic, or at least hold without races. */
  conditional: boolean
  multipart: boolean
  /** Puts bytes there for backends that cannot write themselves. Default: the backend's own `put`. */
  seed?: (name: string, bytes: Uint8Array<ArrayBuffer>, info?: { contentType?: string }) => Promise<void>
  /** Digest that the backend is given in `put`. Default: sha256. */
  digest?: 'md5' | 'sha256'
  /** Keeps user metadata, provenance, preserved validators and tombstones. Default: as `writable`. */
  attributes?: boolean
  /** A listing has the attributes that are kept, not only tombstones. Default: true. */
  listsAttributes?: boolean
  /** The server gives encoded bytes back as they are. Default: true. */
  encodings?: boolean
  /** Names that the backend cannot hold for reasons of its own; `accepts` is honoured besides. */
  skipsName?: (name: string) => boolean
}

export type Create = () => Promise<Backend>

/** The suite that every backend passes. `create` gives an empty one each time, or one whose names are not yet used. */
export function describeBackend(title: string, create: Create, traits: Traits): void {
  // oxlint-disable-next-line vitest/valid-title -- every backend gives its own
  describe(title, () => {
    describeReading(create, traits)
    if (traits.writable) describeWriting(create, traits)
    if (traits.attributes ?? traits.writable) describeAttributes(create, traits)
    if (traits.listable) describeListing(create, traits)
    if (traits.multipart) describeMultipart(create)
    describeNames(create, traits)
  })
}
