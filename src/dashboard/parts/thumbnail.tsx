import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { ListedObject } from '../../client/client.ts'
import { client } from '../session.ts'
import { Icon } from './icon.tsx'
import type { IconName } from './icons.ts'
import { type PreviewKind, previewKind } from './preview-kind.ts'
import { takeTurn } from './turns.ts'

const ICONS: Record<PreviewKind, IconName> = {
  image: 'image',
  video: 'film',
  audio: 'music',
  pdf: 'file-text',
  text: 'file-text',
  binary: 'file',
}

/** Originals are shown, so larger ones would cost more than they are worth. */
const MAX_BYTES = 1 << 20
/** What is scrolled past is not loaded. */
const SETTLE_MS = 150

interface Connection {
  connection?: { saveData?: boolean }
}

const savesData = (navigator as Connection).connection?.saveData === true

/** A small picture of an object, or an icon of its kind. Loading it copies nothing. */
export function Thumbnail({ object: { name, size, content_type: type } }: { object: ListedObject }) {
  const kind = previewKind(name, type)
  const isShown = kind === 'image' && size !== null && size <= MAX_BYTES && !savesData
  return (
    <span class="thumbnail">
      {isShown ? <Picture key={name} name={name} /> : <Icon name={ICONS[kind]} />}
    </span>
  )
}

function Picture({ name }: { name: string }) {
  const state = useSignal<'waiting' | 'loading' | 'shown' | 'failed'>('waiting')
  const image = useRef<HTMLImageElement>(null)
  const end = useRef(() => {})
  useEffect(() => {
    const timer = setTimeout(() => {
      end.current = takeTurn(() => (state.value = 'loading'))
    }, SETTLE_MS)
    return () => {
      clearTimeout(timer)
      end.current()
    }
  }, [])
  const isRequested = state.value === 'loading' || state.value === 'shown'
  useEffect(() => {
    const element = image.current
    // Removing the element alone would not stop the request.
    return () => element?.removeAttribute('src')
  }, [isRequested])
  const finish = (to: 'shown' | 'failed') => () => {
    state.value = to
    end.current()
  }
  if (!isRequested) return <Icon name="image" />
  return (
    <img
      ref={image}
      src={client.previewUrl(name)}
      alt=""
      loading="lazy"
      decoding="async"
      class={state.value === 'shown' ? '' : 'is-loading'}
      onLoad={finish('shown')}
      onError={finish('failed')}
    />
  )
}
