import { useRef } from 'preact/hooks'
import { Icon } from '../parts/icon.tsx'
import { chosenFiles } from './files.ts'
import { uploadTo } from './uploads.ts'

/** Chooses files, or a whole folder, to upload to below a folder. */
export function UploadButtons({ folder }: { folder: string }) {
  const files = useRef<HTMLInputElement>(null)
  const directory = useRef<HTMLInputElement>(null)
  const onChange = (event: Event): void => {
    const input = event.currentTarget as HTMLInputElement
    uploadTo(folder, chosenFiles(input.files ?? []))
    // So that the same files can be chosen again.
    input.value = ''
  }
  return (
    <>
      <input ref={files} type="file" multiple hidden aria-label="Files to upload" onChange={onChange} />
      <input
        ref={directory}
        type="file"
        // Preact's types do not know it.
        {...{ webkitdirectory: true }}
        hidden
        aria-label="Folder to upload"
        onChange={onChange}
      />
      <button
        type="button"
        class="icon-button bordered"
        aria-label="Upload a folder"
        title="Upload a folder"
        onClick={() => directory.current?.click()}
      >
        <Icon name="folder-up" />
      </button>
      <button type="button" class="primary" data-key="u" onClick={() => files.current?.click()}>
        <Icon name="upload" /> Upload
      </button>
    </>
  )
}
