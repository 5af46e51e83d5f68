import type { IconName } from './icons.ts'

/** What an object is, as far as its type or else its extension tells. */
export type Kind = 'image' | 'video' | 'audio' | 'text' | 'other'

export const KIND_ICONS: Record<Kind, IconName> = {
  image: 'image',
  video: 'film',
  audio: 'music',
  text: 'file-text',
  other: 'file',
}

const EXTENSIONS: Record<Exclude<Kind, 'other'>, string> = {
  image: 'apng avif bmp gif ico jfif jpeg jpg png svg webp',
  video: 'avi m4v mkv mov mp4 mpeg mpg ogv webm',
  audio: 'aac flac m4a mp3 oga ogg opus wav weba',
  text: 'csv css doc docx htm html js json log md odt pdf rtf txt vtt xml yaml yml',
}

/** Backends that list without types leave only the name to go by. */
export function kindOf(name: string, contentType?: string): Kind {
  const type = contentType?.split('/', 1)[0]
  if (type === 'image' || type === 'video' || type === 'audio' || type === 'text') return type
  const extension = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
  const found = Object.entries(EXTENSIONS).find(([, all]) => all.split(' ').includes(extension))
  return (found?.[0] as Kind | undefined) ?? 'other'
}
