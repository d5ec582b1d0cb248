/* Elements that bear the names of those in hardware: software inside, and a fault of the driver's.

   FAKE_DRIVER says which: well, hangs, crashes, green, silent (gives nothing), or stalls (after 60
   buffers of each element). */
#include <gst/gst.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOOD_BUFFERS 60

static const char *driver(void)
{
  const char *says = getenv("FAKE_DRIVER");
  return says ? says : "well";
}

static GstPadProbeReturn goes_in(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  int *seen = data;
  if (!strcmp(driver(), "crashes"))
    abort();
  while (!strcmp(driver(), "hangs"))
    pause();
  if (!strcmp(driver(), "silent") || (!strcmp(driver(), "stalls") && ++*seen > GOOD_BUFFERS))
    return GST_PAD_PROBE_DROP;
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn comes_out(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  if (!strcmp(driver(), "green")) {
    GstBuffer *buffer = gst_buffer_copy_deep(GST_PAD_PROBE_INFO_BUFFER(info));
    gst_buffer_memset(buffer, 0, 0, -1);
    gst_buffer_unref(GST_PAD_PROBE_INFO_BUFFER(info));
    info->data = buffer;
  }
  return GST_PAD_PROBE_OK;
}

static void fill(GstBin *bin, const char *description)
{
  GstElement *inside = gst_parse_bin_from_description(description, TRUE, NULL);
  gst_bin_add(bin, inside);
  for (int end = 0; end < 2; end++) {
    const char *name = end ? "src" : "sink";
    GstPad *pad = gst_element_get_static_pad(inside, name);
    GstPad *ghost = gst_ghost_pad_new(name, pad);
    gst_pad_add_probe(ghost, GST_PAD_PROBE_TYPE_BUFFER, end ? comes_out : goes_in, g_new0(int, 1),
                      g_free);
    gst_element_add_pad(GST_ELEMENT(bin), ghost);
    gst_object_unref(pad);
  }
}

static GstStaticPadTemplate sink_pad =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_pad =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

/* A kind of element: a bin of this description. */
#define KIND(Name, name, description)                                                              \
  typedef GstBin Name;                                                                             \
  typedef GstBinClass Name##Class;                                                                 \
  G_DEFINE_TYPE(Name, name, GST_TYPE_BIN)                                                          \
  static void name##_class_init(Name##Class *class)                                                \
  {                                                                                                \
    GstElementClass *element = GST_ELEMENT_CLASS(class);                                           \
    gst_element_class_add_static_pad_template(element, &sink_pad);                                 \
    gst_element_class_add_static_pad_template(element, &src_pad);                                  \
    gst_element_class_set_static_metadata(element, #name, "Codec", "simulated", "Sfumato");        \
  }                                                                                                \
  static void name##_init(Name *self) { fill(GST_BIN(self), description); }

KIND(FakeDecoder, fake_decoder, "h264parse ! avdec_h264 max-threads=1")
KIND(FakeConverter, fake_converter, "videoconvert")
KIND(FakeEncoder, fake_encoder, "x264enc tune=zerolatency bframes=0 speed-preset=ultrafast")

static gboolean begin(GstPlugin *plugin)
{
  return gst_element_register(plugin, "nvv4l2decoder", GST_RANK_NONE, fake_decoder_get_type()) &&
         gst_element_register(plugin, "nvvidconv", GST_RANK_NONE, fake_converter_get_type()) &&
         gst_element_register(plugin, "nvh264enc", GST_RANK_NONE, fake_encoder_get_type());
}

#define PACKAGE "sfumato"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, fakeelements, "simulated hardware", begin,
                  "1.0", "LGPL", "Sfumato", "https://example.org")
