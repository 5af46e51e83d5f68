import { describe } from 'vitest'
import type { Backend } from '../../src/storage/backend.ts'
import { describeAttributes } from './conformance-attributes.ts'
import { describeListing } from './conformance-list.ts'
import { describeMultipart } from './conformance-multipart.ts'
import { describeNames } from './conformance-names.ts'
import { describeReading } from './conformance-read.ts'
import { describeWriting } from './conformance-write.ts'

/** What a backend is expected to do beyond get and head; suites for missing features are skipped. */
export interface Traits {
  writable: boolean
  listable: boolean
  /** Conditional puts are atomic, or at least hold without races. */
  conditional: boolean
  multipart: boolean
  /** Puts bytes there for backends that cannot write themselves. Default: the backend's own `put`. */
  seed?: (name: string, bytes: Uint8Array<ArrayBuffer>, info?: { contentType?: string }) => Promise<void>
  /** The digest passed to `put`. Default: sha256. */
  digest?: 'md5' | 'sha256'
  /** Keeps user metadata, provenance, preserved validators and tombstones. Default: as `writable`. */
  attributes?: boolean
  /** A listing has the attributes that are kept, not only tombstones. Default: true. */
  listsAttributes?: boolean
  /** The server returns encoded bytes unchanged. Default: true. */
  encodings?: boolean
  /** Names that the backend cannot store for its own reasons, in addition to those that it does not accept. */
  skipsName?: (name: string) => boolean
}

export type Create = () => Promise<Backend>

/** The suite that every backend passes. `create` returns an empty backend each time, or one whose names are not used yet. */
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
