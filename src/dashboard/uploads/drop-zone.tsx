import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Icon } from '../parts/icon.tsx'
import { Name } from '../parts/name.tsx'
import { describeShort } from '../parts/problem.tsx'
import { showToast } from '../parts/toast.tsx'
import { droppedFiles, pastedFiles } from './files.ts'
import { uploadTo } from './uploads.ts'

/** Uploads what is dropped on the page or pasted into it; shown while something is dragged over the page. */
export function DropZone({ folder }: { folder: string }) {
  const isOver = useSignal(false)
  useEffect(() => {
    const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false
    const over = (event: DragEvent): void => {
      if (!hasFiles(event)) return
      // Otherwise the browser would open the file.
      event.preventDefault()
      isOver.value = true
    }
    const leave = ({ relatedTarget }: DragEvent): void => {
      if (relatedTarget === null) isOver.value = false
    }
    const drop = (event: DragEvent): void => {
      isOver.value = false
      if (!hasFiles(event) || !event.dataTransfer) return
      event.preventDefault()
      droppedFiles(event.dataTransfer.items)
        .then((files) => uploadTo(folder, files))
        .catch((error: unknown) => showToast(describeShort(error), { tone: 'bad' }))
    }
    const paste = (event: ClipboardEvent): void => {
      const files = pastedFiles(event.clipboardData?.files ?? [])
      if (files.length === 0) return
      event.preventDefault()
      uploadTo(folder, files)
    }
    document.addEventListener('dragover', over)
    document.addEventListener('dragleave', leave)
    document.addEventListener('drop', drop)
    document.addEventListener('paste', paste)
    return () => {
      document.removeEventListener('dragover', over)
      document.removeEventListener('dragleave', leave)
      document.removeEventListener('drop', drop)
      document.removeEventListener('paste', paste)
    }
  }, [folder])
  if (!isOver.value) return null
  return (
    <div class="drop-zone">
      <p>
        <Icon name="upload" /> Drop to upload to{' '}
        {folder === '' ? 'all media' : <Name name={folder} max={60} />}
      </p>
    </div>
  )
}
