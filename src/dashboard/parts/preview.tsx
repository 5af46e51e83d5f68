import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ApiError } from '../../client/client.ts'
import { formatBytes } from '../format.ts'
import { client } from '../session.ts'
import { hexDump } from './hex-dump.ts'
import { visible } from './name.tsx'
import { Empty, Loading } from './page.tsx'
import { type PreviewKind, previewKind } from './preview-kind.ts'
import { Problem } from './problem.tsx'

interface Props {
  name: string
  contentType?: string | undefined
  size?: number | undefined
  /** Its ETag: what is shown is loaded again if it has changed. */
  version?: string | undefined
}

/** The object as a browser shows it, without copying it and without counting as a read. Stored text is only ever text. */
export function Preview({ name, contentType, size, version }: Props) {
  const kind = previewKind(name, contentType)
  if (size === 0) return <Empty title="The object is empty" />
  const key = `${version} ${name}`
  const shown = { name, version }
  if (kind === 'text' || kind === 'binary') return <Excerpt key={key} {...shown} kind={kind} size={size} />
  return <Media key={key} {...shown} kind={kind} />
}

interface Shown {
  name: string
  version: string | undefined
}

function Media({ name, version, kind }: Shown & { kind: Exclude<PreviewKind, 'text' | 'binary'> }) {
  /** Elements do not say why they failed: either the Worker does, or the browser cannot show what it got. */
  const failure = useSignal<{ error?: unknown } | undefined>(undefined)
  const check = async (isShown: boolean): Promise<void> => {
    try {
      await readStart({ name, version }, 1)
      if (!isShown) failure.value = {}
    } catch (error) {
      failure.value = { error }
    }
  }
  const onError = (): void => void check(false)
  useEffect(() => {
    // A frame does not even say that it failed.
    if (kind === 'pdf') void check(true)
  }, [])
  const retry = (): void => {
    failure.value = undefined
  }
  if (failure.value?.error !== undefined) return <Problem error={failure.value.error} retry={retry} />
  if (failure.value)
    return (
      <Empty title={`The browser cannot show this ${kind}`}>
        <p>It may be damaged, or of a format that this browser does not support.</p>
      </Empty>
    )
  const source = client.previewUrl(name, version)
  const label = `Preview of ${visible(name)}`
  const player = { src: source, 'aria-label': label, controls: true, preload: 'metadata', onError } as const
  switch (kind) {
    case 'image':
      return <img class="preview-image" src={source} alt={label} onError={onError} decoding="async" />
    case 'video':
      return (
        // oxlint-disable-next-line jsx-a11y/media-has-caption -- a stored file has no captions of its own
        <video class="preview-video" {...player} />
      )
    case 'audio':
      return (
        // oxlint-disable-next-line jsx-a11y/media-has-caption -- a stored file has no captions of its own
        <audio class="preview-audio" {...player} />
      )
    case 'pdf':
      return <iframe class="preview-frame" src={source} title={label} />
  }
}

const TEXT_BYTES = 65_536
const HEX_BYTES = 256

interface Start {
  bytes: Uint8Array
  /** Whether the object goes on after these bytes. */
  isCut: boolean
}

/** At most the first `limit` bytes of the object. */
async function readStart({ name, version }: Shown, limit: number, signal?: AbortSignal): Promise<Start> {
  const headers = { Range: `bytes=0-${limit - 1}` }
  try {
    const response = await client.preview(name, { version, headers, ...(signal && { signal }) })
    const total = Number(response.headers.get('Content-Range')?.split('/')[1])
    const bytes = new Uint8Array(await response.arrayBuffer())
    return {
      bytes: bytes.subarray(0, limit),
      isCut: response.status === 206 ? total !== bytes.length : bytes.length > limit,
    }
  } catch (error) {
    // No byte of an empty object satisfies a range.
    if (error instanceof ApiError && error.status === 416) return { bytes: new Uint8Array(), isCut: false }
    throw error
  }
}

function Excerpt({
  name,
  version,
  kind,
  size,
}: Shown & { kind: 'text' | 'binary'; size: number | undefined }) {
  const start = useSignal<Start | undefined>(undefined)
  const error = useSignal<unknown>(undefined)
  const tries = useSignal(0)
  const limit = kind === 'text' ? TEXT_BYTES : HEX_BYTES
  useEffect(() => {
    const abort = new AbortController()
    const load = async (): Promise<void> => {
      error.value = undefined
      try {
        start.value = await readStart({ name, version }, limit, abort.signal)
      } catch (failure) {
        if (!abort.signal.aborted) error.value = failure
      }
    }
    void load()
    return () => abort.abort()
  }, [kind, tries.value])
  if (error.value !== undefined) return <Problem error={error.value} retry={() => (tries.value += 1)} />
  if (!start.value) return <Loading />
  const { bytes, isCut } = start.value
  if (bytes.length === 0) return <Empty title="The object is empty" />
  const label = kind === 'text' ? `Text of ${visible(name)}` : `First bytes of ${visible(name)}`
  const text = kind === 'text' ? decode(bytes, isCut) : hexDump(bytes)
  return (
    <>
      <pre
        class="preview-text"
        dir={kind === 'text' ? 'auto' : 'ltr'}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so the keyboard must reach it
        tabIndex={0}
        role="region"
        aria-label={label}
      >
        {text}
      </pre>
      {isCut && (
        <p class="muted small">
          The first {formatBytes(limit)}
          {size !== undefined && ` of ${formatBytes(size)}`}.
        </p>
      )}
    </>
  )
}

/** UTF-8, with replacement characters for what is none; a character that was cut off at the end is left out. */
function decode(bytes: Uint8Array, isCut: boolean): string {
  return new TextDecoder().decode(bytes, { stream: isCut })
}
