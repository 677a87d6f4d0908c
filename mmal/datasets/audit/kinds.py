"""What an audit can find: every kind of finding, how grave it is, and what to do about it.

A finding that would train, score or report something that the user did not mean is an error. What
is odd, but does what it says, is a warning. What the config asks for is an info: a count.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        name: How reports, ``active_learning.audit.accept`` and the docs call it.
        severity: ``error``, ``warning`` or ``info``.
        of_one: What one finding is, after "1 ".
        of_many: What several are, after their number.
        advice: What to do.
    """

    name: str
    severity: str
    of_one: str
    of_many: str
    advice: str = ""


def _kinds(severity: str, *rows: tuple[str, str, str, str]) -> dict[str, Kind]:
    return {name: Kind(name, severity, one, many, advice) for name, one, many, advice in rows}


_ERRORS = _kinds(
    "error",
    # Files and lists
    (
        "path-missing",
        "file or folder does not exist",
        "files or folders do not exist",
        "Check data_root, data_prefix and ann_file of the config",
    ),
    (
        "not-built",
        "data set cannot be built",
        "data sets cannot be built",
        "Check the data set's config",
    ),
    (
        "list-line",
        "line of an image list is no image's name",
        "lines of image lists are no images' names",
        "Write one name a line, without folder and suffix, in UTF-8 without a byte order mark",
    ),
    (
        "nothing-stated",
        "annotation file names nothing to train or test on",
        "annotation files name nothing to train or test on",
        "",
    ),
    (
        "unreadable",
        "annotation file cannot be read",
        "annotation files cannot be read",
        "",
    ),
    (
        "key-missing",
        "entry lacks what loading needs",
        "entries lack what loading needs",
        "Add it, or export the annotations anew",
    ),
    (
        "value-wrong",
        "entry has a value that loading cannot use",
        "entries have values that loading cannot use",
        "Mend the value, or export the annotations anew",
    ),
    (
        "listed-twice",
        "image is listed twice",
        "images are listed twice",
        "List each image once: it would be labelled, trained on and counted twice",
    ),
    (
        "id-twice",
        "id stands for two entries",
        "ids stand for two entries each",
        "Give every image and every annotation an id of its own: of two entries loading keeps one, "
        "or mixes them up",
    ),
    # Classes
    (
        "classes-string",
        "config gives classes as a string, not a tuple",
        "configs give classes as a string, not a tuple",
        "A tuple of one class needs a comma: metainfo=dict(classes=('helmet',)). A file of names "
        "has to be there: its path is taken as it stands",
    ),
    (
        "class-twice",
        "class is listed twice",
        "classes are listed twice",
        "List each class once in metainfo.classes",
    ),
    (
        "classes-differ",
        "set has other classes, or in another order, than the training set",
        "sets have other classes, or in another order, than the training set",
        "A label is a place in metainfo.classes: give all sets the same",
    ),
    (
        "no-objects",
        "set has no object that is used",
        "sets have no object that is used",
        "Check the class names and what the other findings say was left out",
    ),
    (
        "boxes-misplaced",
        "set has boxes that mostly cannot be where they are",
        "sets have boxes that mostly cannot be where they are",
        "Check the convention (COCO: left, top, width, height; VOC: left, top, right, bottom) and "
        "that the images have the size that was annotated",
    ),
    (
        "box-inverted",
        "object has a box whose right or bottom comes before its left or top",
        "objects have boxes whose right or bottom comes before their left or top",
        "Write xmin, ymin, xmax, ymax, not width and height",
    ),
    (
        "class-unknown",
        "object has a class that the config does not know and would be left out",
        "objects have a class that the config does not know and would be left out",
        "Add the classes to metainfo.classes (and to num_classes), or list them in ignore_classes",
    ),
    (
        "class-spelling",
        "object has a class of the config but for blanks or capitals, and would be left out",
        "objects have classes of the config but for blanks or capitals, and would be left out",
        "Write it in metainfo.classes as the annotation files do, or rename it there",
    ),
    (
        "category-twice",
        "class has two categories in the file",
        "classes have two categories each in the file",
        "Give each class one category, and its id to all of its annotations: classes are numbered "
        "by the categories, and those that follow would be shifted",
    ),
    (
        "class-shifted",
        "object is handed out as another class than the file says",
        "objects are handed out as other classes than the file says",
        "The data set numbers classes by the order of the file's categories, or by the sorted "
        "names of folders: write metainfo.classes in that order, and add those that the file lacks "
        "to its categories",
    ),
    (
        "class-list-line",
        "line of a list is no image with its class",
        "lines of lists are no images with their classes",
        "Write <image> <number of the class, from 0> a line, in UTF-8 without a byte order mark",
    ),
    (
        "class-folders",
        "set has other folders than classes",
        "sets have other folders than classes",
        "Name the folders in metainfo.classes, sorted, or leave metainfo.classes out; a class "
        "without images needs an empty folder",
    ),
    (
        "class-hidden",
        "hidden folder counts as a class",
        "hidden folders count as classes",
        "Remove it: each folder is a class, and moves the numbers of those after it",
    ),
    (
        "class-empty",
        "class's folder has no images",
        "classes' folders have no images",
        "Add images of the class, or remove the folder (and the class)",
    ),
    (
        "label-conflict",
        "image has two classes",
        "images have two classes",
        "Decide which it is. If an image may show several classes, use a MultiLabelDataset",
    ),
    # Objects
    (
        "box-no-size",
        "object has a box without size, which may make the loss infinite",
        "objects have boxes without size, which may make the loss infinite",
        "Mend them, or add dict(type='FilterAnnotations', min_gt_bbox_wh=(1, 1)) to the training "
        "pipeline",
    ),
    (
        "box-outside",
        "object has a box wholly outside its image",
        "objects have boxes wholly outside their images",
        "Check that boxes and image have the same size and orientation",
    ),
    (
        "box-shares",
        "object has a box in shares of the image, not in pixels",
        "objects have boxes in shares of the image, not in pixels",
        "Multiply them by the width and height of the image",
    ),
    (
        "area-not-positive",
        "object has an area of 0 or less and would be left out, although its box has a size",
        "objects have an area of 0 or less and would be left out, although their boxes have a size",
        "Write width times height of the box (or the area of the mask) into 'area'",
    ),
    (
        "mask-missing",
        "object has no polygon, which the pipeline's masks need",
        "objects have no polygons, which the pipeline's masks need",
        "Add polygons, leave the objects out of the file, or train a model without masks",
    ),
    (
        "mask-shares",
        "object has a mask in shares of the image, not in pixels",
        "objects have masks in shares of the image, not in pixels",
        "Multiply its points by the width and height of the image",
    ),
    (
        "mask-elsewhere",
        "object has a mask that covers nothing of its box",
        "objects have masks that cover nothing of their boxes",
        "Check that mask and box are of the same object, and of the same size of the image",
    ),
    (
        "object-lost",
        "object is not handed out by the data set, for no known reason",
        "objects are not handed out by the data set, for no known reason",
        "",
    ),
    (
        "object-changed",
        "object is handed out that the annotation file does not state so",
        "objects are handed out that the annotation file does not state so",
        "",
    ),
    (
        "image-lost",
        "image is not handed out by the data set, for no known reason",
        "images are not handed out by the data set, for no known reason",
        "",
    ),
    (
        "size-zero",
        "image is left out by filter_cfg.min_size because its annotation gives no size",
        "images are left out by filter_cfg.min_size because their annotations give no size",
        "Write the size into the annotation, or remove min_size from filter_cfg",
    ),
    # People
    (
        "joints-count",
        "person has another number of joints than the skeleton",
        "people have another number of joints than the skeleton",
        "Use a data set class (or metainfo) with the skeleton of the annotations",
    ),
    (
        "joint-not-finite",
        "person has a visible joint that is not a number",
        "people have visible joints that are not numbers",
        "Mend the joint, or mark it as not visible",
    ),
    (
        "joints-shares",
        "person has joints in shares of the image, not in pixels",
        "people have joints in shares of the image, not in pixels",
        "Multiply them by the width and height of the image",
    ),
    (
        "person-no-box",
        "person has no box, or one without size, and would be left out",
        "people have no box, or one without size, and would be left out",
        "Give every person a box in pixels (MPII: center and scale)",
    ),
    (
        "person-dropped",
        "person with visible joints would be left out",
        "people with visible joints would be left out",
        "Mend what stands there, or remove the key",
    ),
    (
        "head-boxes",
        "file of head boxes does not fit the people",
        "files of head boxes do not fit the people",
        "PCKh divides by the head box of each person: give headbox_file with one for everybody in "
        "the annotation file, in its order",
    ),
    # Images
    (
        "image-missing",
        "image is missing",
        "images are missing",
        "Check data_prefix and the names' endings (also in upper case) and folders",
    ),
    (
        "image-unreadable",
        "image cannot be decoded",
        "images cannot be decoded",
        "Replace it, or take it off the list",
    ),
    (
        "image-truncated",
        "image file ends early and would be grey in its lower part",
        "image files end early and would be grey in their lower parts",
        "Copy or download it again, or take it off the list",
    ),
    (
        "size-differs",
        "image has another size than its annotation says",
        "images have other sizes than their annotations say",
        "Boxes belong to the size that they were drawn at: export annotations and images from the "
        "same state, turned photos (EXIF) turned in both",
    ),
    (
        "file-name",
        "file name cannot be written into a list of picks",
        "file names cannot be written into a list of picks",
        "Rename the file: names must be UTF-8, without line breaks",
    ),
    # Sets against each other
    (
        "also-in-test",
        "image is in the test set, too",
        "images are in the test set, too",
        "Take it out of one of them: a model that has seen its test images measures nothing",
    ),
    (
        "also-labelled",
        "image of the unlabelled pool is labelled already",
        "images of the unlabelled pool are labelled already",
        "Move labelled images out of the pool's folder: they would be picked again",
    ),
)

_WARNINGS = _kinds(
    "warning",
    (
        "box-below-pixel",
        "object has a box of less than a pixel and is left out",
        "objects have boxes of less than a pixel and are left out",
        "",
    ),
    (
        "box-sticks-out",
        "object has a box that sticks out of its image",
        "objects have boxes that stick out of their images",
        "",
    ),
    (
        "ignore-unknown",
        "entry of ignore_classes leaves nothing out",
        "entries of ignore_classes leave nothing out",
        "Write it as the annotation files do, or remove it",
    ),
    (
        "filter-unknown",
        "key of filter_cfg is none that the data set reads",
        "keys of filter_cfg are none that the data set reads",
        "It filters nothing: check its name",
    ),
    (
        "boxes-percent",
        "set has boxes of which none reaches beyond 100 pixels, on images that are much larger",
        "sets have boxes of which none reaches beyond 100 pixels, on images that are much larger",
        "If they are in percent, multiply them by the width and height of the image, through 100",
    ),
    (
        "object-twice",
        "object is there twice: same image, class and box",
        "objects are there twice: same image, class and box",
        "Keep one of them: each is trained on and counted",
    ),
    (
        "mask-invalid",
        "object has a mask without area and is ignored in training",
        "objects have masks without area and are ignored in training",
        "",
    ),
    (
        "orphan",
        "annotation belongs to an image that the file does not list",
        "annotations belong to images that the file does not list",
        "",
    ),
    (
        "size-unknown",
        "annotation gives no size of its image",
        "annotations give no size of their images",
        "",
    ),
    (
        "same-picture",
        "picture is there under two names",
        "pictures are there under two names",
        "",
    ),
    (
        "folder-hidden",
        "hidden folder within a class's is read",
        "hidden folders within classes' are read",
        "Remove it, if its images are not meant",
    ),
    (
        "class-untested",
        "class has no images to test on",
        "classes have no images to test on",
        "",
    ),
    (
        "file-not-read",
        "file in a class's folder is of a type that is not read",
        "files in classes' folders are of types that are not read",
        "Convert them, or add their types to extensions of the data set",
    ),
    (
        "not-in-class",
        "image lies in no class's folder and is passed over",
        "images lie in no class's folder and are passed over",
        "Move them into the folder of their class",
    ),
    (
        "type-not-read",
        "picture of the pool is of a type that ImageFolder does not list",
        "pictures of the pool are of types that ImageFolder does not list",
        "Convert them; or, if OpenCV reads the type, add it to suffixes of ImageFolder",
    ),
    (
        "link-dangling",
        "link leads nowhere",
        "links lead nowhere",
        "Mend or remove it: what it stood for is passed over",
    ),
    (
        "folder-closed",
        "folder of the pool cannot be read",
        "folders of the pool cannot be read",
        "Let yourself read it, if there are images in it",
    ),
    (
        "names-equal",
        "file name occurs in two folders of the pool",
        "file names occur in two folders of the pool",
        "Copying picks into one folder would lose all but one of them",
    ),
    (
        "pool-format",
        "image of the pool cannot be listed in the training set when its label comes back",
        "images of the pool cannot be listed in the training set when their labels come back",
        "The training set reads <name>.jpg in one folder: convert or rename before labelling",
    ),
    (
        "changed-by-subclass",
        "object is handed out in another way than the file states it, by a data set class of yours",
        "objects are handed out in other ways than the files state them, by a data set class of "
        "yours",
        "",
    ),
    (
        "not-compared",
        "annotation file has a format that the audit does not know; only what was loaded is "
        "checked",
        "annotation files have a format that the audit does not know; only what was loaded is "
        "checked",
        "",
    ),
    (
        "no-joints",
        "person has no visible joint and is left out, or teaches nothing",
        "people have no visible joint and are left out, or teach nothing",
        "",
    ),
    (
        "joint-off-box",
        "person has a visible joint further from the box than the box is long",
        "people have visible joints further from their boxes than the boxes are long",
        "Check that box and joints are those of one person, and of the same size of the image",
    ),
    (
        "person-twice",
        "person is there twice: same image, box and joints",
        "people are there twice: same image, box and joints",
        "Keep one of them: each is trained on and counted",
    ),
    (
        "joint-outside",
        "person has a visible joint far outside the image",
        "people have visible joints far outside their images",
        "",
    ),
    (
        "visibility-odd",
        "person has a joint whose visibility is none of those that its format knows",
        "people have joints whose visibilities are none of those that their format knows",
        "Joints with a visibility above 0 are trained on",
    ),
)

_INFOS = _kinds(
    "info",
    (
        "class-renamed",
        "set has folders of other names than its classes",
        "sets have folders of other names than their classes",
        "",
    ),
    (
        "class-ignored",
        "object is left out by ignore_classes",
        "objects are left out by ignore_classes",
        "",
    ),
    (
        "flag-ignored",
        "object is left out or ignored because the file marks it (ignore, iscrowd, difficult)",
        "objects are left out or ignored because the file marks them (ignore, iscrowd, difficult)",
        "",
    ),
    (
        "box-min-size",
        "object is ignored in training by filter_cfg.bbox_min_size",
        "objects are ignored in training by filter_cfg.bbox_min_size",
        "",
    ),
    (
        "box-filtered",
        "object without size is left out by FilterAnnotations",
        "objects without size are left out by FilterAnnotations",
        "",
    ),
    (
        "not-a-person",
        "detection is left out because its category_id is not 1",
        "detections are left out because their category_id is not 1",
        "",
    ),
    (
        "image-filtered",
        "image is left out of training by filter_cfg",
        "images are left out of training by filter_cfg",
        "",
    ),
    (
        "no-annotation",
        "image of a test set has no object",
        "images of a test set have no object",
        "",
    ),
    (
        "not-decoded",
        "image was not looked at (audit.max_images)",
        "images were not looked at (audit.max_images)",
        "",
    ),
)

#: Every kind of finding by its name.
KINDS: dict[str, Kind] = {**_ERRORS, **_WARNINGS, **_INFOS}
